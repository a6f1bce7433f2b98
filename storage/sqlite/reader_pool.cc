#include "storage/sqlite/reader_pool.h"

namespace sextant::storage::sqlite {

absl::StatusOr<ReaderPool::Lease> ReaderPool::Acquire() {
  {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [&] { return !idle_.empty() || opened_ < limit_; });
    if (!idle_.empty()) {
      std::unique_ptr<Session> session = std::move(idle_.back());
      idle_.pop_back();
      return Lease(this, std::move(session));
    }
    ++opened_;
  }
  auto session = open_();
  if (!session.ok()) {
    const std::lock_guard lock(mutex_);
    --opened_;
    returned_.notify_one();
    return session.status();
  }
  return Lease(this, *std::move(session));
}

void ReaderPool::Return(std::unique_ptr<Session> session) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(session));
  returned_.notify_one();
}

}  // namespace sextant::storage::sqlite
