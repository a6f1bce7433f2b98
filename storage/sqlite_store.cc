// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite_store.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "storage/fault.h"
#include "storage/sqlite/file/file_lock.h"
#include "storage/sqlite/file/file_watch.h"
#include "storage/sqlite/file/open.h"
#include "storage/sqlite/quiet_task.h"
#include "storage/sqlite/reader_pool.h"
#include "storage/sqlite/session.h"

namespace sextant::storage {
namespace {

using sqlite::Session;

constexpr std::chrono::milliseconds kQuiet{500};

Micros SystemClock() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Sends writes to the one writing session, reads to the pool.
class SqliteStore : public Store {
 public:
  SqliteStore(std::optional<sqlite::FileLock> lock, std::shared_ptr<sqlite::FileWatch> watch,
              std::unique_ptr<Session> writer, sqlite::ReaderPool::Open open_reader,
              const SqliteOptions& options)
      : lock_(std::move(lock)),
        watch_(std::move(watch)),
        writer_(std::move(writer)),
        readers_(std::make_unique<sqlite::ReaderPool>(std::move(open_reader),
                                                      std::max(options.reader_connections, 1))),
        why_read_only_(options.why_read_only) {
    if (lock_) lock_->MarkLog(true);
    if (!options.columns_ahead || options.column_cache_bytes <= 0) return;
    // What goes wrong here goes wrong again, and is told, where a listing reads.
    ahead_ = std::make_unique<sqlite::QuietTask>(
        kQuiet, [this] { Read([](auto& reader) { return reader->ReadAhead(); }).IgnoreError(); });
    ahead_->Poke();
  }
  // The writer is closed last: that folds the log into the file and removes it. The mark goes before, so that
  // a process which ends between the two does not leave one without a log.
  ~SqliteStore() override {
    ahead_.reset();
    if (!lock_) return;
    lock_->MarkLog(false);
    readers_.reset();
    writer_.reset();
    if (sqlite::HasLog(watch_->path())) lock_->MarkLog(true);
  }

  absl::Status CreateStudy(const Study& study) override {
    return Write([&] { return writer_->CreateStudy(study); });
  }
  absl::Status UpdateStudy(const Study& study, std::int64_t revision) override {
    return Write([&] { return writer_->UpdateStudy(study, revision); });
  }
  absl::Status DeleteStudy(const std::string& id) override {
    return Write([&] { return writer_->DeleteStudy(id); });
  }
  absl::StatusOr<std::vector<PutOutcome>> PutEncodedRuns(const std::string& study_id,
                                                         std::span<const EncodedRun> runs) override {
    return Write([&] { return writer_->PutEncodedRuns(study_id, runs); });
  }
  absl::Status DeleteRun(const std::string& study_id, const std::string& run_id) override {
    return Write([&] { return writer_->DeleteRun(study_id, run_id); });
  }
  absl::Status SetRunLabels(const std::string& study_id, const std::string& source,
                            std::span<const RunLabels> labels, LabelScope scope) override {
    return Write([&] { return writer_->SetRunLabels(study_id, source, labels, scope); });
  }
  absl::Status PutFit(const Fit& fit) override {
    return Write([&] { return writer_->PutFit(fit); });
  }
  absl::Status DeleteFit(const std::string& study_id, const std::string& fit_id) override {
    return Write([&] { return writer_->DeleteFit(study_id, fit_id); });
  }
  absl::Status PutLaw(const UserLaw& law) override {
    return Write([&] { return writer_->PutLaw(law); });
  }
  absl::Status DeleteLaw(const std::string& id) override {
    return Write([&] { return writer_->DeleteLaw(id); });
  }
  absl::Status PutUpload(const Upload& upload) override {
    return Write([&] { return writer_->PutUpload(upload); });
  }
  absl::Status PutRequest(const std::string& request_id, const std::string& body_digest,
                          const std::string& response) override {
    return Write([&] { return writer_->PutRequest(request_id, body_digest, response); });
  }
  absl::Status Batch(const std::function<absl::Status(Store&)>& work) override {
    return Write([&] { return writer_->Batch(work); });
  }

  absl::StatusOr<Study> GetStudy(const std::string& id) override {
    return Read([&](auto& reader) { return reader->GetStudy(id); });
  }
  absl::StatusOr<Page<Study>> ListStudies(std::int64_t limit, const std::string& after) override {
    return Read([&](auto& reader) { return reader->ListStudies(limit, after); });
  }
  absl::StatusOr<Run> GetRun(const std::string& study_id, const std::string& run_id) override {
    return Read([&](auto& reader) { return reader->GetRun(study_id, run_id); });
  }
  absl::StatusOr<Page<Run>> ListRuns(const RunQuery& query) override {
    auto page = Read([&](auto& reader) { return reader->ListRuns(query); });
    if (ahead_ != nullptr) ahead_->Poke();
    return page;
  }
  absl::StatusOr<Curve> GetCurve(const std::string& study_id, const std::string& run_id) override {
    return Read([&](auto& reader) { return reader->GetCurve(study_id, run_id); });
  }
  absl::StatusOr<Curve> GetCurvePart(const std::string& study_id, const std::string& run_id,
                                     std::int64_t from, std::int64_t count) override {
    return Read([&](auto& reader) { return reader->GetCurvePart(study_id, run_id, from, count); });
  }
  absl::StatusOr<fitting::RunTable> LoadRunTable(const std::string& study_id,
                                                 const std::vector<Condition>& where) override {
    return Read([&](auto& reader) { return reader->LoadRunTable(study_id, where); });
  }
  absl::StatusOr<Fit> GetFit(const std::string& study_id, const std::string& fit_id) override {
    return Read([&](auto& reader) { return reader->GetFit(study_id, fit_id); });
  }
  absl::StatusOr<Page<Fit>> ListFits(const std::string& study_id, std::int64_t limit,
                                     const std::string& after) override {
    return Read([&](auto& reader) { return reader->ListFits(study_id, limit, after); });
  }
  absl::StatusOr<std::vector<Fit>> LoadAllFits() override {
    return Read([&](auto& reader) { return reader->LoadAllFits(); });
  }
  absl::StatusOr<std::vector<UserLaw>> ListLaws() override {
    return Read([&](auto& reader) { return reader->ListLaws(); });
  }
  absl::StatusOr<Upload> GetUpload(const std::string& id) override {
    return Read([&](auto& reader) { return reader->GetUpload(id); });
  }
  absl::StatusOr<StoredRequest> GetRequest(const std::string& request_id) override {
    return Read([&](auto& reader) { return reader->GetRequest(request_id); });
  }

  absl::StatusOr<StudySize> GetStudySize(const std::string& id) override {
    return Read([&](auto& reader) { return reader->GetStudySize(id); });
  }

  absl::StatusOr<StoreHealth> GetHealth() override {
    return Read([&](auto& reader) { return reader->GetHealth(); });
  }
  absl::Status CheckIntegrity() override {
    if (absl::Status status = watch_->Check(); !status.ok()) return absl::DataLossError(status.message());
    return Read([&](auto& reader) { return reader->CheckIntegrity(); });
  }
  absl::Status BackUp(const std::string& path) override {
    return Read([&](auto& reader) { return reader->BackUp(path); });
  }
  absl::Status Checkpoint() override {
    if (writer_ == nullptr) return absl::OkStatus();
    // Also when the file is no longer in its place: it may have been renamed.
    RETURN_IF_ERROR(writer_->Checkpoint());
    return watch_->Check();
  }

 private:
  template <typename Work>
  auto Write(Work work) -> decltype(work()) {
    if (writer_ == nullptr) {
      return WithFault(absl::FailedPreconditionError(
                           absl::StrCat(watch_->path(), " is open for reading only: ", why_read_only_)),
                       kFaultReadOnly);
    }
    RETURN_IF_ERROR(InPlace());
    auto result = work();
    // What went into a file that has been taken away meanwhile is not acknowledged.
    if (result.ok()) {
      RETURN_IF_ERROR(InPlace());
    }
    if (ahead_ != nullptr) ahead_->Poke();
    return result;
  }
  absl::Status InPlace() {
    absl::Status status = watch_->Check();
    // The log is still open here, though nobody may find it again: what it holds goes into the file, and then
    // nobody needs to miss it.
    if (!status.ok() && writer_->Checkpoint().ok()) lock_->MarkLog(false);
    return status;
  }
  template <typename Work>
  auto Read(Work work) -> decltype(work(std::declval<sqlite::ReaderPool::Lease&>())) {
    ASSIGN_OR_RETURN(auto reader, readers_->Acquire());
    return work(reader);
  }

  std::optional<sqlite::FileLock> lock_;
  const std::shared_ptr<sqlite::FileWatch> watch_;
  std::unique_ptr<Session> writer_;
  std::unique_ptr<sqlite::ReaderPool> readers_;
  const std::string why_read_only_;
  std::unique_ptr<sqlite::QuietTask> ahead_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<Store>> OpenSqliteStore(const std::string& path,
                                                       const SqliteOptions& options) {
  ASSIGN_OR_RETURN(auto canonical, sqlite::CanonicalPath(path, options.create && !options.read_only));
  const Session::Clock clock = options.clock ? options.clock : SystemClock;
  std::optional<sqlite::FileLock> lock;
  std::unique_ptr<Session> writer;
  if (options.read_only) {
    RETURN_IF_ERROR(sqlite::CheckReadable(canonical));
  } else {
    ASSIGN_OR_RETURN(auto held, sqlite::FileLock::Acquire(canonical));
    lock.emplace(std::move(held));
    RETURN_IF_ERROR(sqlite::CheckLog(canonical, lock->log_was_left()));
    ASSIGN_OR_RETURN(auto opened, sqlite::OpenWriter(canonical, options, clock));
    writer = std::move(opened);
  }
  auto watch = std::make_shared<sqlite::FileWatch>(canonical);
  sqlite::ListingAids listing;
  if (options.column_cache_bytes > 0) {
    listing.columns = std::make_shared<sqlite::RunColumns>(options.column_cache_bytes);
    listing.steps_before_columns = options.scan_steps_before_columns;
  }
  auto open_reader = [watch, clock, listing]() -> absl::StatusOr<std::unique_ptr<Session>> {
    auto reader = sqlite::OpenReader(watch->path(), clock, listing);
    RETURN_IF_ERROR(watch->CheckFile());  // it may be another's now
    return reader;
  };
  auto store = std::make_shared<SqliteStore>(std::move(lock), std::move(watch), std::move(writer),
                                             open_reader, options);
  // One reader from the start: what is taken away later can still be read, and saved.
  if (auto health = store->GetHealth(); !health.ok()) return health.status();
  return store;
}

}  // namespace sextant::storage
