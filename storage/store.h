// SPDX-License-Identifier: Apache-2.0
// The record store: what opens snapshots and transactions, and takes care of the file.
//
// The server keeps records through this interface alone. Engines implement it: SQLite (storage/sqlite) is
// one. The suite in tests/storage/store_suite runs against every implementation; OpenStore finds one by URL.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "storage/snapshot.h"
#include "storage/transaction.h"

namespace sextant::storage {

/// The state of the store as a whole.
struct StoreHealth {
  std::string location;  ///< the file
  int schema_version = 0;
  std::int64_t file_bytes = 0;      ///< the file; with log_bytes, all that is on disk
  std::int64_t log_bytes = 0;       ///< writes that are durable but not moved into the file yet
  std::int64_t free_bytes = 0;      ///< of the file: left by deletions, used again by later writes
  bool has_page_checksums = false;  ///< numbers that change on the disk are noticed when they are read
};

/// Thread-safe. Held by a shared_ptr, which its snapshots share.
class Store {
 public:
  using Work = std::function<absl::Status(Transaction&)>;

  virtual ~Store() = default;

  /// Opens a snapshot; waits while as many are open as the store has room for. It sees every write that has
  /// returned OK, and waits for none.
  virtual absl::StatusOr<std::unique_ptr<Snapshot>> Read() = 0;

  /// Runs `work` in one transaction on the calling thread and commits if it returns OK: what returns OK then
  /// survives kill -9. Transactions run one after the other; the threads of a server go through Writer, which
  /// waits for none of them. Returns the error of `work`, or of the commit; FailedPrecondition
  /// (kFaultReadOnly) when the store is open for reading only, and for a Write inside `work`, which has
  /// Nested for that.
  virtual absl::Status Write(const Work& work) = 0;

  // Care of the file.
  virtual absl::StatusOr<StoreHealth> GetHealth() = 0;
  virtual absl::Status CheckIntegrity() = 0;                 ///< DataLoss says what is broken
  virtual absl::Status BackUp(const std::string& path) = 0;  ///< online copy to a new file
  virtual absl::Status Checkpoint() = 0;                     ///< WAL into the file; waits for a transaction
};

}  // namespace sextant::storage
