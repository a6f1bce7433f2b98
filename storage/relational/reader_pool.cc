// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/reader_pool.h"

namespace sextant::storage::relational {

absl::StatusOr<ReaderPool::Lease> ReaderPool::Acquire() {
  {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [&] { return !idle_.empty() || opened_ < limit_; });
    if (!idle_.empty()) {
      std::unique_ptr<Connection> connection = std::move(idle_.back());
      idle_.pop_back();
      return Lease(this, std::move(connection));
    }
    ++opened_;
  }
  auto connection = open_();
  if (connection.ok()) return Lease(this, *std::move(connection));
  // Those that are open go on serving what they see.
  std::unique_lock lock(mutex_);
  --opened_;
  returned_.notify_all();
  returned_.wait(lock, [&] { return !idle_.empty() || opened_ == 0; });
  if (idle_.empty()) return connection.status();
  std::unique_ptr<Connection> idle = std::move(idle_.back());
  idle_.pop_back();
  return Lease(this, std::move(idle));
}

void ReaderPool::Return(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  if (connection->usable()) {
    idle_.push_back(std::move(connection));
  } else {
    --opened_;
  }
  returned_.notify_all();
}

}  // namespace sextant::storage::relational
