// SPDX-License-Identifier: Apache-2.0
// Fits that run: a bounded queue, a few runners on one TBB arena, and whoever waits for the end.
#pragma once

#include <absl/status/status.h>
#include <oneapi/tbb/task_arena.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "fitting/law/law.h"
#include "server/convert/fit.h"
#include "server/fair_queue.h"
#include "server/fit_table.h"
#include "server/low_priority.h"
#include "storage/writer.h"

namespace sextant::server {

struct FitData;
struct StudyLabels;

/// Thread-safe. A fit is active from Start until it has ended and that end is durable and served.
class FitJobs {
 public:
  /// Called when a first answer is there, if the fit takes long enough for one, and when the fit has ended;
  /// on a thread that must not be held up.
  using Watcher = std::function<void(const storage::Fit&)>;

  /// `threads` run the solvers of all fits together; 0: one a core.
  FitJobs(std::shared_ptr<storage::Store> store, storage::Writer& writer, FitTable& table, int threads);
  ~FitJobs();
  FitJobs(const FitJobs&) = delete;
  FitJobs& operator=(const FitJobs&) = delete;

  /// Takes a place in the queue for a fit that is about to be stored. RESOURCE_EXHAUSTED (QUEUE_FULL) when
  /// there is none, UNAVAILABLE (DRAINING) when stopping. Follow with Start or Release.
  /// A caller has at most kMaxQueuedFitsPerCaller of them; "" is the process itself, which may have all.
  absl::Status Reserve(const std::string& caller);
  void Release(const std::string& caller);
  /// Queues a fit whose running state is durable. Callers take turns: one with many fits waits behind
  /// himself.
  void Start(const std::string& caller, storage::Fit fit, FitOrder order,
             std::shared_ptr<const fitting::Law> law);

  /// The fit as it is now, if it is active; then `watcher` will be called unless Unwatch comes first.
  /// Otherwise nullopt: what the store holds is final. A running fit may have a first answer's parameters.
  struct Watch {
    storage::Fit fit;
    std::uint64_t id = 0;
  };
  std::optional<Watch> OnEnd(const std::string& fit_name, Watcher watcher);
  void Unwatch(const std::string& fit_name, std::uint64_t watch);

  /// Where an active fit stands; nullopt for others.
  std::optional<Progress::State> StageOf(const std::string& fit_name);

  bool IsActive(const std::string& fit_name);
  /// How a fit ended whose end the store had no room for, while the store still has it as running.
  std::optional<storage::Fit> UnstoredEnd(const std::string& fit_name);
  /// Asks an active fit to stop; does nothing otherwise.
  void Cancel(const std::string& fit_name);
  void CancelStudy(const std::string& study);
  /// Refuses new fits and asks all to stop; returns at once.
  void Drain();
  /// Drain, then waits until every runner has ended.
  void Stop();

  int threads() const { return threads_; }
  /// Fits that wait, and that run.
  std::pair<std::size_t, std::size_t> load();
  /// From now on fits leave the processor to other threads of this process: for one that answers others
  /// meanwhile. For good.
  void GiveWay() { gives_way_ = true; }
  /// Told of every end; on a thread that must not be held up. Before the first fit.
  void SetObserver(Watcher observer) { observer_ = std::move(observer); }

 private:
  struct Job {
    std::string caller;
    storage::Fit fit;
    FitOrder order;
    std::shared_ptr<const fitting::Law> law;
    std::atomic<bool> cancelled{false};
    Progress progress;
    std::map<std::uint64_t, Watcher> watchers;  // guarded by mutex_
    std::optional<storage::Fit> first_answer;   // guarded by mutex_
  };

  void GiveBack(const std::string& caller);  // under mutex_
  void Loop();
  void Run(const std::shared_ptr<Job>& job);
  absl::StatusOr<fitting::FitResult> Solve(Job& job);
  /// For laws of the optimum by the default estimator: tells watchers what the near-optimal band says, which
  /// takes a twentieth of the time. Nothing is stored or served of it.
  void AnswerFirst(Job& job, const FitData& data);
  void Store(const std::shared_ptr<Job>& job, storage::Fit ended,
             const std::shared_ptr<const StudyLabels>& labels);
  void End(const std::shared_ptr<Job>& job, const storage::Fit& ended);
  /// Ends a fit whose result cannot be stored.
  void Lose(const std::shared_ptr<Job>& job, const absl::Status& status);
  /// Tries again to store how fits ended.
  void StoreUnstoredEnds();

  const std::shared_ptr<storage::Store> store_;
  storage::Writer& writer_;
  FitTable& table_;
  const int threads_;
  oneapi::tbb::task_arena arena_;
  std::optional<LowPriorityWorkers> low_workers_;  // made under mutex_
  std::atomic<bool> gives_way_{false};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::string, std::shared_ptr<Job>> active_;  // by fit name; guarded by mutex_
  FairQueue<std::shared_ptr<Job>> queue_;               // guarded by mutex_
  std::map<std::string, int> places_;                   // taken, by caller; guarded by mutex_
  std::map<std::string, storage::Fit> unstored_;        // by fit name; guarded by mutex_
  int taken_ = 0;                                       // places; guarded by mutex_
  bool draining_ = false;                               // guarded by mutex_
  Watcher observer_;
  std::uint64_t next_watch_ = 1;      // guarded by mutex_
  std::vector<std::thread> runners_;  // last: they use the members above
};

}  // namespace sextant::server
