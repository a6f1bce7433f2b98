// SPDX-License-Identifier: Apache-2.0
#include "server/fit_jobs.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/status_macros.h"
#include "fitting/refusal.h"
#include "server/convert/times.h"
#include "server/error.h"
#include "server/fit_data.h"
#include "server/limits.h"
#include "server/log.h"
#include "server/mutation.h"
#include "server/names.h"
#include "server/run_labels.h"
#include "server/status.h"
#include "server/study_sizes.h"

namespace sextant::server {
namespace {

int ThreadsOrCores(int threads) {
  return threads > 0 ? threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

}  // namespace

FitJobs::FitJobs(std::shared_ptr<storage::Store> store, storage::Writer& writer, FitTable& table, int threads)
    : store_(std::move(store)),
      writer_(writer),
      table_(table),
      threads_(ThreadsOrCores(threads)),
      // Every runner has a slot of its own, so that none waits outside; the workers between them make up the
      // rest.
      arena_(threads_ + kFitRunners - 1, static_cast<unsigned>(kFitRunners)) {
  for (int i = 0; i < kFitRunners; ++i) runners_.emplace_back([this] { Loop(); });
}

FitJobs::~FitJobs() { Stop(); }

absl::Status FitJobs::Reserve(const std::string& caller) {
  const std::lock_guard lock(mutex_);
  if (draining_) return TryLater("DRAINING", "the server is stopping", 5);
  if (taken_ >= kMaxQueuedFits) {
    return QuotaExceeded("QUEUE_FULL", "fits",
                         absl::StrCat(taken_, " fits wait or run already; try again later"), 5);
  }
  int& held = places_[caller];
  if (!caller.empty() && held >= kMaxQueuedFitsPerCaller) {
    return QuotaExceeded("FIT_LIMIT", "fits",
                         absl::StrCat("this caller has ", held, " fits that wait or run; try again later"),
                         5);
  }
  ++held;
  ++taken_;
  return absl::OkStatus();
}

void FitJobs::GiveBack(const std::string& caller) {
  --taken_;
  const auto found = places_.find(caller);
  if (found != places_.end() && --found->second <= 0) places_.erase(found);
}

void FitJobs::Release(const std::string& caller) {
  const std::lock_guard lock(mutex_);
  GiveBack(caller);
}

std::pair<std::size_t, std::size_t> FitJobs::load() {
  const std::lock_guard lock(mutex_);
  return {queue_.waiting(), active_.size() - std::min(active_.size(), queue_.waiting())};
}

void FitJobs::Start(const std::string& caller, storage::Fit fit, FitOrder order,
                    std::shared_ptr<const fitting::Law> law) {
  auto job = std::make_shared<Job>();
  job->caller = caller;
  job->fit = std::move(fit);
  job->order = std::move(order);
  job->order.request.cancelled = &job->cancelled;
  job->law = std::move(law);
  {
    const std::lock_guard lock(mutex_);
    if (draining_) job->cancelled = true;
    active_[FitName(job->fit.study_id, job->fit.id)] = job;
    queue_.Push(caller, std::move(job));
  }
  wake_.notify_one();
}

std::optional<FitJobs::Watch> FitJobs::OnEnd(const std::string& fit_name, Watcher watcher) {
  const std::lock_guard lock(mutex_);
  const auto found = active_.find(fit_name);
  if (found == active_.end()) return std::nullopt;
  const std::uint64_t id = next_watch_++;
  found->second->watchers.emplace(id, std::move(watcher));
  const Job& job = *found->second;
  return Watch{job.first_answer ? *job.first_answer : job.fit, id};
}

void FitJobs::Unwatch(const std::string& fit_name, std::uint64_t watch) {
  const std::lock_guard lock(mutex_);
  const auto found = active_.find(fit_name);
  if (found != active_.end()) found->second->watchers.erase(watch);
}

std::optional<Progress::State> FitJobs::StageOf(const std::string& fit_name) {
  const std::lock_guard lock(mutex_);
  const auto found = active_.find(fit_name);
  if (found == active_.end()) return std::nullopt;
  Progress::State state = found->second->progress.Now();
  if (state.phase[0] == '\0') state.phase = "waiting";
  return state;
}

bool FitJobs::IsActive(const std::string& fit_name) {
  const std::lock_guard lock(mutex_);
  return active_.count(fit_name) > 0;
}

std::optional<storage::Fit> FitJobs::UnstoredEnd(const std::string& fit_name) {
  const std::lock_guard lock(mutex_);
  const auto found = unstored_.find(fit_name);
  return found == unstored_.end() ? std::nullopt : std::optional(found->second);
}

void FitJobs::Cancel(const std::string& fit_name) {
  const std::lock_guard lock(mutex_);
  const auto found = active_.find(fit_name);
  if (found != active_.end()) found->second->cancelled = true;
}

void FitJobs::CancelStudy(const std::string& study) {
  const std::lock_guard lock(mutex_);
  for (auto& [name, job] : active_) {
    if (job->fit.study_id == study) job->cancelled = true;
  }
}

void FitJobs::Drain() {
  const std::lock_guard lock(mutex_);
  draining_ = true;
  for (auto& [name, job] : active_) job->cancelled = true;
  wake_.notify_all();
}

void FitJobs::Stop() {
  Drain();
  for (std::thread& runner : runners_) {
    if (runner.joinable()) runner.join();
  }
  StoreUnstoredEnds();
}

void FitJobs::Loop() {
  for (;;) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return draining_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = queue_.Pop().second;
      if (gives_way_ && !low_workers_) low_workers_.emplace(arena_);
    }
    if (gives_way_) LowerPriority(kHeavyNiceness);
    StoreUnstoredEnds();
    Run(job);
    const std::lock_guard lock(mutex_);
    queue_.Done(job->caller);
  }
}

absl::StatusOr<fitting::FitResult> FitJobs::Solve(Job& job) {
  if (job.cancelled) return absl::CancelledError("cancelled before it began");
  FitData data;
  {
    const ProgressScope scope(job.progress);
    const ProgressPhase reading("data", 0);
  }
  data.input.table = job.order.table;
  storage::StudySize size;
  if (data.input.table == nullptr) {
    ASSIGN_OR_RETURN(auto snapshot, store_->Read());  // all that the fit sees is of one state
    ASSIGN_OR_RETURN(size, snapshot->GetStudySize(job.fit.study_id));
    ASSIGN_OR_RETURN(data, LoadFitData(*snapshot, job.fit.study_id, job.order.where, job.order.holdout,
                                       fitting::NeedsOf(job.law->spec()), job.order.request.columns));
  }
  data.input.laws = job.order.laws;
  absl::StatusOr<fitting::FitResult> result = absl::UnknownError("the fit did not run");
  RETURN_IF_ERROR(StopExceptions([&] {
    AnswerFirst(job, data);
    arena_.execute([&] {
      const ProgressScope scope(job.progress);
      result = fitting::Fit(job.law, data.input, job.order.request);
    });
    return absl::OkStatus();
  }));
  const std::vector<std::string> left_out = LeftOut(data);
  if (result.ok()) {
    result->warnings.insert(result->warnings.end(), left_out.begin(), left_out.end());
    if (data.input.table == nullptr) NoteOrigin(size, job.order.request, *result);
    return result;
  }
  std::string message(result.status().message());
  for (const std::string& line : left_out) absl::StrAppend(&message, "; ", line);
  return left_out.empty() ? result : fitting::WithMessage(result.status(), message);
}

void FitJobs::AnswerFirst(Job& job, const FitData& data) {
  constexpr std::int64_t kReplicates = 200;
  const fitting::Target target = job.law->spec().target;
  const bool of_optimum =
      target == fitting::Target::kLearningRate || target == fitting::Target::kBatchSizeTokens;
  if (!of_optimum || job.order.request.estimator != "auto") return;
  fitting::FitRequest request = job.order.request;
  request.estimator = "band";
  request.bootstrap_replicates = std::min(request.bootstrap_replicates, kReplicates);
  absl::StatusOr<fitting::FitResult> result = absl::UnknownError("the fit did not run");
  arena_.execute([&] { result = fitting::Fit(job.law, data.input, request); });
  if (!result.ok()) return;  // the fit itself will say why
  storage::Fit answer = job.fit;
  answer.result = *std::move(result);
  answer.result.warnings.insert(
      answer.result.warnings.begin(),
      "provisional: by the near-optimal band, while the default estimator computes");
  std::map<std::uint64_t, Watcher> watchers;
  {
    const std::lock_guard lock(mutex_);
    job.first_answer = answer;
    watchers = job.watchers;
  }
  for (const auto& [id, watcher] : watchers) watcher(answer);
}

void FitJobs::Run(const std::shared_ptr<Job>& job) {
  absl::StatusOr<fitting::FitResult> result = absl::UnknownError("the fit did not run");
  const absl::Status ran = StopExceptions([&] {
    result = Solve(*job);
    return absl::OkStatus();
  });
  if (!ran.ok()) result = ran;
  storage::Fit ended = job->fit;
  if (result.ok()) {
    ended.result = *std::move(result);
    ended.state = storage::FitState::kSucceeded;
    ended.end_time = Now();
  } else {
    MarkEnded(result.status(), ended);
  }
  // What the sweep says about its runs explains a failed fit as well as a good one.
  std::shared_ptr<const StudyLabels> labels;
  const absl::Status labelled = StopExceptions([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto snapshot, store_->Read());
    auto found = FindStudyLabels(*snapshot, ended.study_id, kMostPointsLabelledByFits);
    if (found.ok()) labels = std::make_shared<const StudyLabels>(*std::move(found));
    return found.status();
  });
  if (absl::IsResourceExhausted(labelled))
    Log().warn("runs of {} are not labelled: out of memory", ended.study_id);
  Store(job, std::move(ended), labels);
}

void FitJobs::Store(const std::shared_ptr<Job>& job, storage::Fit ended,
                    const std::shared_ptr<const StudyLabels>& labels) {
  auto shared = std::make_shared<const storage::Fit>(std::move(ended));
  auto served =
      std::make_shared<const ServedFit>(ServeFit(*shared));  // here: the writer thread has no time for it
  for (;;) {
    const absl::Status submitted = writer_.Submit(
        [shared, labels, uid = job->order.study_uid](storage::Transaction& transaction) {
          RETURN_IF_ERROR(CheckSameStudy(transaction, shared->study_id, uid));
          RETURN_IF_ERROR(transaction.PutFit(*shared));
          return labels ? KeepStudyLabels(transaction, shared->study_id, *labels) : absl::OkStatus();
        },
        [this, job, shared, served](const absl::Status& status) {
          if (status.ok()) {
            if (!table_.Put(shared->study_id, shared->id, *served)) {
              Log().warn("{} is not served: there is no room for its replicates in --fit-memory-mb",
                         FitName(shared->study_id, shared->id));
            }
            return End(job, *shared);
          }
          Lose(job, fitting::WithMessage(status,
                                         absl::StrCat("the result could not be stored: ", status.message())));
        });
    if (submitted.ok()) return;
    if (!absl::IsResourceExhausted(submitted)) return Lose(job, submitted);
    // This is a thread of our own: it can wait for a full queue.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void FitJobs::Lose(const std::shared_ptr<Job>& job, const absl::Status& status) {
  storage::Fit lost = job->fit;
  MarkEnded(status, lost);
  // Without its study it is served nowhere, nor in a study that has taken the id.
  const bool is_gone = absl::IsNotFound(status);
  if (!is_gone) {
    const std::lock_guard lock(mutex_);
    unstored_[FitName(lost.study_id, lost.id)] = lost;
  }
  if (!is_gone) table_.Put(lost.study_id, lost.id, ServeFit(lost));
  End(job, lost);
}

void FitJobs::StoreUnstoredEnds() {
  std::map<std::string, storage::Fit> ends;
  {
    const std::lock_guard lock(mutex_);
    ends = unstored_;
  }
  for (const auto& [name, end] : ends) {
    writer_
        .Submit(
            [end](storage::Transaction& transaction) {
              auto stored = transaction.GetFit(end.study_id, end.id);
              if (!stored.ok() || stored->state != storage::FitState::kRunning) return absl::OkStatus();
              return transaction.PutFit(end);
            },
            [this, name](const absl::Status& status) {
              if (!status.ok()) return;
              const std::lock_guard lock(mutex_);
              unstored_.erase(name);
            })
        .IgnoreError();  // it stays, for the next time
  }
}

void FitJobs::End(const std::shared_ptr<Job>& job, const storage::Fit& ended) {
  const std::string name = FitName(ended.study_id, ended.id);
  std::map<std::uint64_t, Watcher> watchers;
  {
    const std::lock_guard lock(mutex_);
    watchers.swap(job->watchers);
    const auto found = active_.find(name);
    if (found != active_.end() && found->second == job) active_.erase(found);
    GiveBack(job->caller);
  }
  if (observer_) observer_(ended);
  if (ended.error_code == 0) {
    Log().info("{} fitted {} to {} runs", name, ended.law_id, ended.result.runs_used);
  } else {
    Log().info("{} ended: {}", name, ended.error);
  }
  for (const auto& [id, watcher] : watchers) watcher(ended);
}

}  // namespace sextant::server
