// SPDX-License-Identifier: Apache-2.0
// How far a long computation has come, for whoever waits for it.
#pragma once

#include <atomic>
#include <cstdint>

namespace sextant {

/// Where a computation stands. Written by the threads that compute, read by any other. Thread-safe.
class Progress {
 public:
  struct State {
    const char* phase = "";            ///< a word for what is done now; "" before the first
    std::int64_t done = 0, total = 0;  ///< steps of the phase; total 0: not known
  };
  State Now() const { return {phase_.load(), done_.load(), total_.load()}; }

 private:
  friend class ProgressPhase;
  std::atomic<const char*> phase_{""};
  std::atomic<std::int64_t> done_{0}, total_{0};
  std::atomic<bool> open_{false};
};

/// While it lives, phases that begin on this thread are those of `progress`.
class ProgressScope {
 public:
  explicit ProgressScope(Progress& progress);
  ProgressScope(const ProgressScope&) = delete;
  ProgressScope& operator=(const ProgressScope&) = delete;
  ~ProgressScope();

 private:
  Progress* const before_;
};

/// A part of a computation that is done in steps. Does nothing on a thread without a scope, nor inside
/// another phase: what a loop over laws or cells says is not overwritten by the loops within.
class ProgressPhase {
 public:
  /// `name` is a literal.
  ProgressPhase(const char* name, std::int64_t total);
  ProgressPhase(const ProgressPhase&) = delete;
  ProgressPhase& operator=(const ProgressPhase&) = delete;
  ~ProgressPhase();
  /// From any thread.
  void Add(std::int64_t steps = 1) const {
    if (progress_ != nullptr) progress_->done_.fetch_add(steps, std::memory_order_relaxed);
  }

 private:
  Progress* progress_ = nullptr;
};

}  // namespace sextant
