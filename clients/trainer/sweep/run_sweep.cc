// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/sweep/run_sweep.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <thread>

#include "base/status_macros.h"
#include "clients/trainer/engine/backend.h"
#include "clients/trainer/report/progress.h"
#include "clients/trainer/report/record_file.h"
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

class Pool {
 public:
  Pool(const Sweep& sweep, std::vector<Pack> packs, double bytes_per_token, RecordFile* out,
       const std::atomic<bool>& stop)
      : sweep_(sweep),
        packs_(std::move(packs)),
        bytes_per_token_(bytes_per_token),
        out_(out),
        stop_(stop),
        progress_(Weights(), Runs()) {}

  absl::Status Train(const std::vector<std::unique_ptr<Backend>>& backends) {
    std::vector<std::thread> threads;
    for (const auto& backend : backends) threads.emplace_back([this, &backend] { Work(backend.get()); });
    for (std::thread& thread : threads) thread.join();
    return status_;
  }

 private:
  std::vector<double> Weights() const {
    std::vector<double> weights;
    for (const Pack& pack : packs_) weights.push_back(pack.flops());
    return weights;
  }
  size_t Runs() const {
    size_t runs = 0;
    for (const Pack& pack : packs_) runs += pack.runs.size();
    return runs;
  }

  void Work(Backend* backend) {
    for (;;) {
      const size_t index = next_.fetch_add(1);
      if (index >= packs_.size()) return;
      {
        const std::lock_guard lock(mutex_);
        if (!status_.ok()) return;
      }
      absl::StatusOr<std::vector<RunRecord>> records =
          TrainPack(sweep_, packs_[index], backend, bytes_per_token_, stop_,
                    [&](double share) { progress_.Update(index, share); });
      const std::lock_guard lock(mutex_);
      absl::Status status = records.ok() ? out_->Append(*records) : records.status();
      if (!status.ok()) {
        if (status_.ok()) status_ = status;
        return;
      }
      progress_.Finish(index, packs_[index].runs.size());
    }
  }

  const Sweep& sweep_;
  const std::vector<Pack> packs_;
  const double bytes_per_token_;
  RecordFile* out_;
  const std::atomic<bool>& stop_;
  Progress progress_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;  // guards status_ and *out_
  absl::Status status_;
};

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
  ASSIGN_OR_RETURN(std::unique_ptr<RecordFile> out, RecordFile::Open(options.out));
  ASSIGN_OR_RETURN(std::vector<std::unique_ptr<Backend>> backends, OpenBackends(options, tokens));

  size_t room = SIZE_MAX;
  for (const auto& backend : backends) {
    if (options.cpu) break;
    const double share = kUsableMemory * static_cast<double>(backend->FreeBytes()) / options.concurrent_packs;
    room = std::min(room, static_cast<size_t>(share));
  }
  const Backend& first = *backends.front();
  // Packs are made of the whole sweep, finished runs included, so that a resumed or sharded sweep packs
  // alike.
  std::vector<Pack> packs = MakePacks(sweep, options.max_fused_tokens, options.max_fused_runs,
                                      [&](const FusedJob& job) { return first.JobBytes(job) <= room; });
  std::vector<Pack> own;
  size_t skipped = 0;
  for (size_t i = 0; i < packs.size(); ++i) {
    const size_t need = first.JobBytes(MakeJob(sweep, packs[i]));
    if (need > room) {
      return absl::ResourceExhaustedError(absl::StrCat("run ", packs[i].runs.front().run_id, " needs ",
                                                       need >> 20, " MiB of GPU memory and ", room >> 20,
                                                       " MiB are free; use a smaller batch or model"));
    }
    if (static_cast<int>(i % static_cast<size_t>(options.shards)) != options.shard) continue;
    const size_t before = packs[i].runs.size();
    std::erase_if(packs[i].runs, [&](const RunSpec& run) { return out->finished().contains(run.run_id); });
    skipped += before - packs[i].runs.size();
    if (!packs[i].runs.empty()) own.push_back(std::move(packs[i]));
  }
  size_t runs = 0;
  for (const Pack& pack : own) runs += pack.runs.size();
  std::fprintf(stderr, "%zu runs in %zu packs on %zu x %s%s\n", runs, own.size(),
               backends.size() / static_cast<size_t>(options.cpu ? 1 : options.concurrent_packs),
               first.name().c_str(), skipped > 0 ? absl::StrCat(", ", skipped, " already done").c_str() : "");
  Pool pool(sweep, std::move(own), tokens.bytes_per_token, out.get(), stop);
  return pool.Train(backends);
}

}  // namespace sextant::trainer
