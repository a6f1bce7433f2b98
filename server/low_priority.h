// SPDX-License-Identifier: Apache-2.0
// Threads that take a processor for long leave it to those that answer somebody.
#pragma once

#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_scheduler_observer.h>

namespace sextant::server {

/// Over the process's niceness: Linux then gives such a thread about a tenth of what another one that wants
/// to run gets (sched(7)).
inline constexpr int kHeavyNiceness = 10;
/// Of threads whose work somebody waits for, but not as one waits for a Predict: a third.
inline constexpr int kIngestNiceness = 5;

/// Makes the calling thread nicer than its process by `niceness`, and gives it the shortest slice that Linux
/// has (6.12 and newer), so that a thread which wakes need not wait for the end of a long one. For good:
/// going back takes a right that servers do not have. Without effect on systems where threads have no
/// niceness of their own.
void LowerPriority(int niceness);

/// While it lives, threads of TBB that come into the arena to help have kHeavyNiceness. Whoever enters it by
/// execute() is left as it is.
class LowPriorityWorkers final : public oneapi::tbb::task_scheduler_observer {
 public:
  explicit LowPriorityWorkers(oneapi::tbb::task_arena& arena) : task_scheduler_observer(arena) {
    observe(true);
  }
  ~LowPriorityWorkers() override { observe(false); }
  void on_scheduler_entry(bool is_worker) override {
    if (is_worker) LowerPriority(kHeavyNiceness);
  }
};

}  // namespace sextant::server
