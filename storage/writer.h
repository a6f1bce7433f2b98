// SPDX-License-Identifier: Apache-2.0
// The one thread that writes.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <memory>

#include "storage/store.h"

namespace sextant::storage {

/// Owns the writing side of a Store: a bounded queue and the one thread on which transactions are written.
/// Work items that wait together are committed together (group commit) where they allow it; each item's
/// completion runs on the writer thread after its work is durable, or with the error. Completions must be
/// short and must not block.
///
/// Thread-safe. The destructor (or Stop) refuses new work, commits what is queued and joins.
class Writer {
 public:
  using Work = Store::Work;
  using Done = std::function<void(absl::Status)>;

  /// `begin`, if given, is what the thread does first: take a priority, say.
  Writer(std::shared_ptr<Store> store, std::size_t queue_limit, std::function<void()> begin = {});
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Never waits. ResourceExhausted when the queue is full, Unavailable when stopping; then `done` is not
  /// called.
  absl::Status Submit(Work work, Done done);
  /// Drains, commits and stops; idempotent.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sextant::storage
