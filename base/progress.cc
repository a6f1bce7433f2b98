// SPDX-License-Identifier: Apache-2.0
#include "base/progress.h"

namespace sextant {
namespace {

thread_local Progress* progress_of_thread = nullptr;

}  // namespace

ProgressScope::ProgressScope(Progress& progress) : before_(progress_of_thread) {
  progress_of_thread = &progress;
}

ProgressScope::~ProgressScope() { progress_of_thread = before_; }

ProgressPhase::ProgressPhase(const char* name, std::int64_t total) {
  if (progress_of_thread == nullptr || progress_of_thread->open_.exchange(true)) return;
  progress_ = progress_of_thread;
  progress_->total_ = total;
  progress_->done_ = 0;
  progress_->phase_ = name;
}

ProgressPhase::~ProgressPhase() {
  if (progress_ != nullptr) progress_->open_ = false;
}

}  // namespace sextant
