// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/sweep/board.h"

namespace sextant::trainer {

Board::Board(std::vector<Entry> entries) : entries_(std::move(entries)) {}

std::optional<size_t> Board::Next() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!status_.ok()) return std::nullopt;
    bool waiting = false;
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (!entries_[i].wanted) continue;
      waiting = true;
      if (!entries_[i].ready) continue;
      entries_[i].wanted = false;
      ++under_way_;
      return i;
    }
    if (!waiting || under_way_ == 0) return std::nullopt;
    changed_.wait(lock);
  }
}

void Board::Done() {
  const std::lock_guard lock(mutex_);
  --under_way_;
  changed_.notify_all();
}

void Board::Kept(int trunk, int64_t step) {
  const std::lock_guard lock(mutex_);
  for (Entry& entry : entries_) {
    if (entry.trunk == trunk && entry.step == step) entry.ready = true;
  }
  changed_.notify_all();
}

void Board::Fail(const absl::Status& status) {
  const std::lock_guard lock(mutex_);
  if (status_.ok()) status_ = status;
  changed_.notify_all();
}

absl::Status Board::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace sextant::trainer
