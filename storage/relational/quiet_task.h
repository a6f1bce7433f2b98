// SPDX-License-Identifier: Apache-2.0
// Work for when nobody else has any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace sextant::storage::relational {

/// Runs a task on a thread of its own when Poke was called and then not again for a while. Thread-safe. The
/// destructor waits for a task that is running.
class QuietTask {
 public:
  QuietTask(std::chrono::milliseconds quiet, std::function<void()> task);
  ~QuietTask();
  QuietTask(const QuietTask&) = delete;
  QuietTask& operator=(const QuietTask&) = delete;
  void Poke();

 private:
  void Loop();

  const std::chrono::milliseconds quiet_;
  const std::function<void()> task_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool poked_ = false, stopping_ = false;
  std::chrono::steady_clock::time_point last_;
  std::thread thread_;  // last: it uses the members above
};

}  // namespace sextant::storage::relational
