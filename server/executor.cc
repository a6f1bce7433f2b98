// SPDX-License-Identifier: Apache-2.0
#include "server/executor.h"

#include <utility>

#include "server/error.h"
#include "server/low_priority.h"

namespace sextant::server {

Executor::Executor(int threads, std::size_t queue_limit, int niceness) : queue_limit_(queue_limit) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this, niceness] {
      if (niceness != 0) LowerPriority(niceness);
      Loop();
    });
  }
}

Executor::~Executor() { Stop(); }

absl::Status Executor::Submit(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return TryLater("DRAINING", "the server is stopping", 5);
    if (queue_.size() >= queue_limit_) {
      return QuotaExceeded("QUEUE_FULL", "requests", "too many requests wait; try again", 1);
    }
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
  return absl::OkStatus();
}

std::size_t Executor::waiting() {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void Executor::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Executor::Loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    std::function<void()> task = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

}  // namespace sextant::server
