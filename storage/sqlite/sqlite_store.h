// SPDX-License-Identifier: Apache-2.0
// The record store in one local SQLite file (docs/schema.md).
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "storage/open_store.h"
#include "storage/store.h"

namespace sextant::storage {

/// What this engine takes beside; OpenStore leaves these as they are here.
struct SqliteOptions : StoreOptions {
  int reader_connections = 8;  ///< snapshots that are open at a time, at most; further readers wait for one
  std::int64_t write_cache_bytes = 32
                                   << 20;  ///< page cache of the writing connection; readers have 8 MB each
  /// Of runs' columns kept in memory, so that filters that few runs match and orders by a quantity need no
  /// scan of the file; 0: none.
  std::int64_t column_cache_bytes = 48 << 20;
  /// When they are read: by the second listing of one state of a study that takes more steps of SQLite's
  /// machine (some five a run) than this; 0: by every listing. With reads_ahead they are read half a second
  /// after the last write or listing as well.
  int scan_steps_before_columns = 100'000;
};

/// OpenStore for a file, with this engine's own options. Snapshots read on connections of their own, which
/// never wait for a transaction.
absl::StatusOr<std::shared_ptr<Store>> OpenSqliteStore(const std::string& path,
                                                       const SqliteOptions& options = {});

}  // namespace sextant::storage
