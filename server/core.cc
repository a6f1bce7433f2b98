// SPDX-License-Identifier: Apache-2.0
#include "server/core.h"

#include <atomic>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "server/convert/fit.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/log.h"
#include "server/names.h"

namespace sextant::server {
namespace {

constexpr int kHeavyNiceness = 10;
constexpr int kFitsLoadedAtATime = 20;  // one may have megabytes of replicates

}  // namespace

Core::Core(std::shared_ptr<storage::Store> the_store, std::unique_ptr<LawTable> the_laws, int threads)
    : store(std::move(the_store)),
      laws(std::move(the_laws)),
      writer(store, kWriterQueue),
      jobs(store, writer, fits, threads),
      executor(kReaderThreads, kReaderQueue),
      heavy(kHeavyThreads, kHeavyQueue, kHeavyNiceness),
      copies(kCopyThreads, kCopyQueue),
      calls(access, executor, heavy),
      uploads("UPLOAD_LIMIT", "uploads", kMaxOpenUploads, kMaxOpenUploadsPerPeer),
      imports("IMPORT_LIMIT", "imports of studies", kMaxImports, kMaxImportsPerPeer),
      downloads("DOWNLOAD_LIMIT", "backups and exports", kMaxDownloads, kMaxDownloadsPerPeer),
      watches("WATCH_LIMIT", "watches of fits", kMaxWatches, kMaxWatchesPerPeer),
      run_watches("WATCH_LIMIT", "watches of runs", kMaxRunWatches, kMaxRunWatchesPerPeer),
      batches("BATCH_LIMIT", "predictions of many targets", kMaxBatches, kMaxBatchesPerPeer),
      scratch("SCRATCH_LIMIT", "bytes of backups, exports and imports", kMaxScratchBytes,
              kMaxScratchBytesPerPeer) {
  jobs.SetObserver([this](const storage::Fit& ended) {
    auto& count = ended.state == storage::FitState::kSucceeded   ? metrics.fits_succeeded
                  : ended.state == storage::FitState::kCancelled ? metrics.fits_cancelled
                                                                 : metrics.fits_failed;
    count.fetch_add(1, std::memory_order_relaxed);
    metrics.fit_seconds.Observe(static_cast<double>(ended.end_time - ended.create_time) / 1e6);
  });
  AddGauges();
}

void Core::AddGauges() {
  const auto waiting = [&](const char* queue, std::function<double()> read) {
    metrics.AddGauge("sextant_queue_waiting", "Work that waits for a thread, by queue", "queue", queue,
                     std::move(read));
  };
  const auto depth_of = [](Executor& of) { return [&of] { return static_cast<double>(of.waiting()); }; };
  waiting("reads", depth_of(executor));
  waiting("heavy", depth_of(heavy));
  waiting("copies", depth_of(copies));
  waiting("fits", [this] { return static_cast<double>(jobs.load().first); });
  metrics.AddGauge("sextant_fits_running", "Fits that run", "", "",
                   [this] { return static_cast<double>(jobs.load().second); });
  const auto open = [&](const char* kind, Quota& of) {
    metrics.AddGauge("sextant_streams_open", "Streams that are open, by kind", "kind", kind,
                     [&of] { return static_cast<double>(of.taken()); });
  };
  open("upload", uploads);
  open("import", imports);
  open("download", downloads);
  open("watch", watches);
  open("run_watch", run_watches);
  open("batch", batches);
  const auto bytes = [&](const char* part, std::int64_t storage::StoreHealth::*member) {
    metrics.AddGauge("sextant_store_bytes", "Size of the database, by part", "part", part, [this, member] {
      const auto health = store->GetHealth();
      return health.ok() ? static_cast<double>((*health).*member) : -1.0;
    });
  };
  bytes("file", &storage::StoreHealth::file_bytes);
  bytes("log", &storage::StoreHealth::log_bytes);
  bytes("free", &storage::StoreHealth::free_bytes);
}

absl::Status Core::ReadTokens() {
  if (!asks_for_tokens) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto snapshot, store->Read());
  ASSIGN_OR_RETURN(const auto tokens, snapshot->ListTokens());
  access.SetStoredTokens(tokens);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<storage::Snapshot>> Core::Read() const {
  auto snapshot = store->Read();
  if (!snapshot.ok()) return Annotate(snapshot.status(), "database", database);
  return snapshot;
}

absl::Status Core::LoadLaws(storage::Snapshot& snapshot) {
  ASSIGN_OR_RETURN(auto user_laws, snapshot.ListLaws());
  for (const storage::UserLaw& user_law : user_laws) {
    auto entry = laws->Compile(user_law);
    if (entry.ok()) {
      laws->Put(*std::move(entry));
    } else {
      Log().warn("law {} is left out: {}", user_law.id, std::string(entry.status().message()));
    }
  }
  return absl::OkStatus();
}

absl::Status Core::LoadFits(storage::Snapshot& snapshot, const std::string& study) {
  std::string after;
  do {
    ASSIGN_OR_RETURN(auto page, snapshot.ListFits(study, kFitsLoadedAtATime, after));
    for (storage::Fit& fit : page.items) {
      RETURN_IF_ERROR(Serve(std::move(fit)));
    }
    after = page.next_key;
  } while (!after.empty());
  return absl::OkStatus();
}

void Core::LoadTrackRecords() {
  const auto snapshot = store->Read();
  const auto records = snapshot.ok() ? (*snapshot)->ListTrackRecords() : snapshot.status();
  if (records.ok()) return track_records.Set(*records);
  Log().warn("how forecasts turned out is not known: {}", std::string(records.status().message()));
}

absl::Status Core::LoadStudy(const std::string& id) {
  LoadTrackRecords();
  ASSIGN_OR_RETURN(const auto snapshot, store->Read());
  RETURN_IF_ERROR(LoadLaws(*snapshot));
  fits.AddStudy(id);
  const FitTable::Loading loading(fits, {id});
  return LoadFits(*snapshot, id);
}

absl::Status Core::Serve(storage::Fit fit) {
  if (fit.state == storage::FitState::kRunning && fit.damage.empty() &&
      !jobs.IsActive(FitName(fit.study_id, fit.id))) {
    MarkEnded(absl::AbortedError("the server stopped while this fit ran; create it again"), fit);
    if (why_read_only.empty()) {
      RETURN_IF_ERROR(
          store->Write([&](storage::Transaction& transaction) { return transaction.PutFit(fit); }));
    }
  }
  ServedFit served = ServeFit(fit);
  if (served.set_aside) Log().warn("{} is set aside: {}", FitName(fit.study_id, fit.id), served.error);
  if (!fits.Put(fit.study_id, fit.id, std::move(served))) {
    Log().warn("{} is not served: the fits hold {} MB already, all that --fit-memory-mb allows",
               FitName(fit.study_id, fit.id), fits.bytes() >> 20);
  }
  return absl::OkStatus();
}

absl::Status Core::LoadFromStore() {
  LoadTrackRecords();
  ASSIGN_OR_RETURN(const auto snapshot, store->Read());
  // Damage to laws or fits does not keep the runs from being read and saved.
  if (absl::Status status = LoadLaws(*snapshot); absl::IsDataLoss(status)) {
    Log().warn("the laws that users added are left out: {}", std::string(status.message()));
  } else if (!status.ok()) {
    return status;
  }
  std::vector<std::string> studies;
  std::string after;
  do {
    ASSIGN_OR_RETURN(auto page, snapshot->ListStudies(kMaxStudyPage, after));
    for (const storage::Study& study : page.items) studies.push_back(study.id);
    after = page.next_key;
  } while (!after.empty());
  for (const std::string& study : studies) fits.AddStudy(study);
  const FitTable::Loading loading(fits, studies);

  auto stored = snapshot->LoadAllFits();
  if (absl::IsDataLoss(stored.status())) {
    for (const std::string& study : studies) {
      if (absl::Status status = LoadFits(*snapshot, study); !status.ok()) {
        const std::string damage(status.message());
        Log().warn("fits of study {} are left out: {}", study, damage);
        fits.MarkDamaged(study, damage);
      }
    }
    return absl::OkStatus();
  }
  if (!stored.ok()) return stored.status();
  for (storage::Fit& fit : *stored) {
    RETURN_IF_ERROR(Serve(std::move(fit)));
  }
  return absl::OkStatus();
}

void Core::Stop() {
  if (stopped_) return;
  stopped_ = true;
  jobs.Stop();
  heavy.Stop();
  copies.Stop();
  executor.Stop();
  writer.Stop();
  if (absl::Status status = store->Checkpoint(); !status.ok()) {
    Log().warn("{}", std::string(status.message()));
  }
}

}  // namespace sextant::server
