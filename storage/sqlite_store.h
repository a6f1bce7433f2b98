// SPDX-License-Identifier: Apache-2.0
// The record store in one local SQLite file (docs/schema.md).
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>

#include "storage/store.h"

namespace sextant::storage {

/// What survives what. Either way an acknowledged write survives the death of the process.
enum class Durability {
  kFull,    ///< also survives loss of power: a flush of the disk a commit (group commits, see Writer)
  kNormal,  ///< the last commits may be lost with the power; the file stays consistent
};

struct SqliteOptions {
  bool create = true;      ///< make the file, and its folder, if they are missing; false: NotFound
  bool read_only = false;  ///< takes no lock, writes nothing; writing methods answer FailedPrecondition
  std::string why_read_only = "it was asked for";  ///< for that answer
  Durability durability = Durability::kFull;
  int reader_connections = 8;  ///< at most; further readers wait for one
  std::int64_t write_cache_bytes = 32
                                   << 20;  ///< page cache of the writing connection; readers have 8 MB each
  /// Of runs' columns kept in memory, so that filters that few runs match and orders by a quantity need no
  /// scan of the file; 0: none.
  std::int64_t column_cache_bytes = 48 << 20;
  /// When they are read: by the second listing of one state of a study that takes more steps of SQLite's
  /// machine (some five a run) than this; 0: by every listing.
  int scan_steps_before_columns = 100'000;
  /// Reads them ahead as well, on a thread of its own, half a second after the last write or listing: for
  /// processes that stay.
  bool columns_ahead = false;
  std::function<Micros()> clock;  ///< for request ids; empty: the system's
};

/// Opens a store, bringing an older file to the current schema. The store holds the file for writing: a
/// second OpenSqliteStore on it, in this or another process, gets FailedPrecondition that names --server.
/// Other errors: NotFound, PermissionDenied, FailedPrecondition (a directory, not a database, another
/// program's database, a newer schema, read-only), ResourceExhausted (disk full), DataLoss (damaged). Each
/// names the path.
///
/// Reads run on their own connections, see the last committed state and never wait for a write.
absl::StatusOr<std::shared_ptr<Store>> OpenSqliteStore(const std::string& path,
                                                       const SqliteOptions& options = {});

}  // namespace sextant::storage
