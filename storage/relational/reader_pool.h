// SPDX-License-Identifier: Apache-2.0
// Reading connections, handed out one thread each.
#pragma once

#include <absl/status/statusor.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "storage/relational/sql/connection.h"

namespace sextant::storage::relational {

/// Opens connections as they are needed, up to a limit; then, and when no more can be opened, whoever comes
/// waits for one. One that has lost its database is not kept. Thread-safe. Leases must end before the pool
/// does.
class ReaderPool {
 public:
  using Open = std::function<absl::StatusOr<std::unique_ptr<Connection>>()>;
  ReaderPool(Open open, int limit) : open_(std::move(open)), limit_(limit) {}

  /// A connection for one thread's use; returns to the pool when destroyed.
  class Lease {
   public:
    Lease(ReaderPool* pool, std::unique_ptr<Connection> connection)
        : pool_(pool), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (connection_ != nullptr) pool_->Return(std::move(connection_));
    }
    Connection& operator*() const { return *connection_; }

   private:
    ReaderPool* pool_;
    std::unique_ptr<Connection> connection_;
  };
  absl::StatusOr<Lease> Acquire();

 private:
  void Return(std::unique_ptr<Connection> connection);

  const Open open_;
  const int limit_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> idle_;  ///< the last used on top: its cache is warm
  int opened_ = 0;
};

}  // namespace sextant::storage::relational
