// SPDX-License-Identifier: Apache-2.0
// The record store in a PostgreSQL database (docs/postgresql.md).
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "storage/open_store.h"
#include "storage/store.h"

namespace sextant::storage {

/// What this engine takes beside; OpenStore leaves these as they are here. Durability is the server's.
struct PostgresOptions : StoreOptions {
  int reader_connections = 8;  ///< snapshots that are open at a time, at most; further readers wait for one
  /// Of runs' columns kept in memory, so that filters that few runs match and orders by a quantity need no
  /// scan of the table; 0: none.
  std::int64_t column_cache_bytes = 48 << 20;
  /// When they are read: by the second listing of one state of a study that takes longer than reading a fifth
  /// as many runs; 0: by every listing. With reads_ahead they are read half a second after the last write or
  /// listing as well.
  int scan_steps_before_columns = 100'000;
};

/// OpenStore for a database, with this engine's own options. `place` is what follows "postgresql:" in its
/// URL.
absl::StatusOr<std::shared_ptr<Store>> OpenPostgresStore(const std::string& place,
                                                         const PostgresOptions& options = {});

}  // namespace sextant::storage
