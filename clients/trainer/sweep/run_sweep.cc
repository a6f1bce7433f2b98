// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/sweep/run_sweep.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/status_macros.h"
#include "clients/trainer/engine/backend.h"
#include "clients/trainer/report/progress.h"
#include "clients/trainer/report/record_file.h"
#include "clients/trainer/sweep/board.h"
#include "clients/trainer/sweep/checkpoints.h"
#include "clients/trainer/sweep/train_pack.h"

namespace sextant::trainer {
namespace {

absl::StatusOr<std::vector<std::unique_ptr<Backend>>> OpenBackends(const SweepOptions& options,
                                                                   const TokenSet& tokens) {
  std::vector<std::unique_ptr<Backend>> backends;
  if (options.cpu) {
    backends.push_back(OpenCpuBackend(tokens));
    return backends;
  }
  absl::StatusOr<int> gpus = CountGpus();
  for (int i = 0; gpus.ok() && i < *gpus; ++i) {
    for (int pack = 0; pack < options.concurrent_packs; ++pack) {
      ASSIGN_OR_RETURN(std::unique_ptr<Backend> backend, OpenGpuBackend(i, tokens));
      backends.push_back(std::move(backend));
    }
  }
  return backends;
}

// Memory left free for the driver's own use.
constexpr double kUsableMemory = 0.94;

// The packs that this process trains.
struct Plan {
  std::vector<Pack> packs;              // all of the sweep's, with the runs that are left
  std::vector<std::string> identities;  // of packs of trunks; else empty
  std::vector<Board::Entry> entries;
  size_t skipped = 0;

  size_t runs() const {
    size_t count = 0;
    for (size_t i = 0; i < packs.size(); ++i) count += entries[i].wanted ? packs[i].runs.size() : 0;
    return count;
  }
  size_t wanted() const {
    return static_cast<size_t>(
        std::count_if(entries.begin(), entries.end(), [](const auto& entry) { return entry.wanted; }));
  }
};

class Pool {
 public:
  Pool(const Sweep& sweep, const Plan& plan, double bytes_per_token, const Checkpoints* checkpoints,
       RecordFile* out, const std::atomic<bool>& stop)
      : sweep_(sweep),
        plan_(plan),
        bytes_per_token_(bytes_per_token),
        checkpoints_(checkpoints),
        out_(out),
        stop_(stop),
        board_(plan.entries),
        progress_(Weights(), plan.runs()) {}

  absl::Status Train(const std::vector<std::unique_ptr<Backend>>& backends) {
    std::vector<std::thread> threads;
    for (const auto& backend : backends) threads.emplace_back([this, &backend] { Work(backend.get()); });
    for (std::thread& thread : threads) thread.join();
    return board_.status();
  }

 private:
  std::vector<double> Weights() const {
    std::vector<double> weights;
    for (size_t i = 0; i < plan_.packs.size(); ++i)
      weights.push_back(plan_.entries[i].wanted ? plan_.packs[i].flops() : 0);
    return weights;
  }

  void Work(Backend* backend) {
    while (const std::optional<size_t> index = board_.Next()) {
      if (absl::Status status = TrainOne(*index, backend); !status.ok()) board_.Fail(status);
      board_.Done();
    }
  }

  absl::Status TrainOne(size_t index, Backend* backend) {
    const Pack& pack = plan_.packs[index];
    const auto trunk = static_cast<size_t>(pack.trunk == kNoTrunk ? static_cast<int>(index) : pack.trunk);
    const Training training{sweep_,
                            backend,
                            bytes_per_token_,
                            stop_,
                            checkpoints_,
                            plan_.identities[trunk],
                            [&](double share) { progress_.Update(index, share); },
                            [&](int64_t step) { board_.Kept(static_cast<int>(index), step); }};
    ASSIGN_OR_RETURN(std::vector<RunRecord> records, TrainPack(training, pack));
    std::erase_if(records,
                  [&](const RunRecord& record) { return out_->finished().contains(record.run.run_id); });
    {
      const std::lock_guard lock(mutex_);
      if (!records.empty()) RETURN_IF_ERROR(out_->Append(records));
    }
    progress_.Finish(index, pack.runs.size());
    return absl::OkStatus();
  }

  const Sweep& sweep_;
  const Plan& plan_;
  const double bytes_per_token_;
  const Checkpoints* checkpoints_;
  RecordFile* out_;
  const std::atomic<bool>& stop_;
  Board board_;
  Progress progress_;
  std::mutex mutex_;  // guards *out_
};

// What is left to do of the packs: whose shard it is, what `finished` and `checkpoints` hold. Packs were made
// of the whole sweep, finished runs included, so that a resumed or sharded sweep packs alike.
Plan MakePlan(const Sweep& sweep, std::vector<Pack> packs, const SweepOptions& options,
              const TokenSet& tokens, const std::string& device, const std::set<std::string>& finished,
              const Checkpoints* checkpoints) {
  Plan plan;
  plan.packs = std::move(packs);
  plan.identities.resize(plan.packs.size());
  plan.entries.resize(plan.packs.size());
  std::vector<int> shards(plan.packs.size());
  int units = 0;  // packs with the branches that leave them
  for (size_t i = 0; i < plan.packs.size(); ++i) {
    Pack& pack = plan.packs[i];
    Board::Entry& entry = plan.entries[i];
    shards[i] = pack.trunk == kNoTrunk ? units++ % options.shards : shards[static_cast<size_t>(pack.trunk)];
    size_t done = 0;
    for (size_t run = 0; run < pack.runs.size();) {
      const bool is_done = finished.contains(pack.runs[run].run_id);
      if (is_done) ++done;
      if (is_done && !pack.is_trunk()) {
        pack.runs.erase(pack.runs.begin() + static_cast<int64_t>(run));
        if (pack.trunk != kNoTrunk) pack.places.erase(pack.places.begin() + static_cast<int64_t>(run));
      } else {
        ++run;
      }
    }
    const bool own = shards[i] == options.shard;
    if (own) plan.skipped += done;
    entry.wanted = own && !pack.runs.empty() && !(pack.is_trunk() && done == pack.runs.size());
    if (pack.is_trunk()) plan.identities[i] = TrunkIdentity(sweep, pack, tokens, device);
    if (pack.trunk == kNoTrunk || !entry.wanted) continue;
    entry.trunk = pack.trunk;
    entry.step = pack.runs.front().from.step;
    entry.ready = checkpoints->Holds(plan.identities[static_cast<size_t>(pack.trunk)], entry.step);
    // A trunk whose record is written is trained again when the state that a branch needs is gone.
    if (!entry.ready) plan.entries[static_cast<size_t>(pack.trunk)].wanted = true;
  }
  return plan;
}

}  // namespace

absl::Status RunSweep(Sweep sweep, const SweepOptions& options, const std::atomic<bool>& stop) {
  if (!options.cpu) {
    if (absl::StatusOr<int> gpus = CountGpus(); !gpus.ok()) {
      return absl::NotFoundError(absl::StrCat(std::string(gpus.status().message()),
                                              "; add --cpu to train on the CPU reference, which is slow"));
    }
  }
  ASSIGN_OR_RETURN(TokenSet tokens, LoadTokens(sweep.data));
  RETURN_IF_ERROR(BindVocabulary(tokens, &sweep));
  std::optional<Checkpoints> checkpoints;
  if (!sweep.trunks.empty()) {
    if (options.out == "-" && options.checkpoints.empty()) {
      return absl::InvalidArgumentError(
          "--checkpoints is missing: name a folder for the state of trunks when runs go to stdout");
    }
    ASSIGN_OR_RETURN(checkpoints, Checkpoints::Open(options.checkpoints.empty() ? options.out + ".trunks"
                                                                                : options.checkpoints));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<RecordFile> out, RecordFile::Open(options.out));
  ASSIGN_OR_RETURN(std::vector<std::unique_ptr<Backend>> backends, OpenBackends(options, tokens));

  size_t room = SIZE_MAX;
  for (const auto& backend : backends) {
    if (options.cpu) break;
    const double share = kUsableMemory * static_cast<double>(backend->FreeBytes()) / options.concurrent_packs;
    room = std::min(room, static_cast<size_t>(share));
  }
  const Backend& first = *backends.front();
  std::vector<Pack> packs = MakePacks(sweep, options.max_fused_tokens, options.max_fused_runs,
                                      [&](const FusedJob& job) { return first.JobBytes(job) <= room; });
  for (const Pack& pack : packs) {
    const size_t need = first.JobBytes(MakeJob(sweep, pack));
    if (need > room) {
      return absl::ResourceExhaustedError(absl::StrCat("run ", pack.runs.front().run_id, " needs ",
                                                       need >> 20, " MiB of GPU memory and ", room >> 20,
                                                       " MiB are free; use a smaller batch or model"));
    }
  }
  const Plan plan = MakePlan(sweep, std::move(packs), options, tokens, first.name(), out->finished(),
                             checkpoints ? &*checkpoints : nullptr);
  std::fprintf(stderr, "%zu runs in %zu packs on %zu x %s%s\n", plan.runs(), plan.wanted(),
               backends.size() / static_cast<size_t>(options.cpu ? 1 : options.concurrent_packs),
               first.name().c_str(),
               plan.skipped > 0 ? absl::StrCat(", ", plan.skipped, " already done").c_str() : "");
  Pool pool(sweep, plan, tokens.bytes_per_token, checkpoints ? &*checkpoints : nullptr, out.get(), stop);
  RETURN_IF_ERROR(pool.Train(backends));
  if (checkpoints) {
    std::fprintf(stderr, "the state of trunks is kept in %s, for further branches; it may be deleted\n",
                 checkpoints->folder().c_str());
  }
  return absl::OkStatus();
}

}  // namespace sextant::trainer
