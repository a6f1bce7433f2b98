// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/quiet_task.h"

#include <exception>
#include <utility>

namespace sextant::storage::relational {

QuietTask::QuietTask(std::chrono::milliseconds quiet, std::function<void()> task)
    : quiet_(quiet), task_(std::move(task)), thread_([this] { Loop(); }) {}

QuietTask::~QuietTask() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void QuietTask::Poke() {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    wake = !std::exchange(poked_, true);
    last_ = std::chrono::steady_clock::now();
  }
  if (wake) changed_.notify_one();
}

void QuietTask::Loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return poked_ || stopping_; });
    while (!stopping_ && std::chrono::steady_clock::now() < last_ + quiet_) {
      changed_.wait_until(lock, last_ + quiet_);
    }
    if (stopping_) return;
    poked_ = false;
    lock.unlock();
    try {
      task_();
    } catch (const std::exception&) {
      // No memory, for what is done ahead: whoever needs it does it again, and is told.
    }
    lock.lock();
  }
}

}  // namespace sextant::storage::relational
