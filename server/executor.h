// SPDX-License-Identifier: Apache-2.0
// A few threads for work that blocks: SQLite reads, conversions of big messages. gRPC's own threads never
// wait.
#pragma once

#include <absl/status/status.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace sextant::server {

/// Runs tasks in the order they came, on `threads` threads, holding at most `queue_limit` that wait.
/// Thread-safe. The destructor runs what is queued, then joins.
class Executor {
 public:
  /// `niceness` of the threads, over that of the process: 10 leaves the processor to whoever else wants it.
  Executor(int threads, std::size_t queue_limit, int niceness = 0);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Never waits. RESOURCE_EXHAUSTED (QUEUE_FULL) when the queue is full, UNAVAILABLE (DRAINING) after Stop;
  /// the task is then not run. Tasks must not throw.
  absl::Status Submit(std::function<void()> task);

  /// Tasks that wait.
  std::size_t waiting();

  /// Refuses new tasks, runs the queued ones, joins. Idempotent.
  void Stop();

 private:
  void Loop();

  const std::size_t queue_limit_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;  // guarded by mutex_
  bool stopping_ = false;                    // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace sextant::server
