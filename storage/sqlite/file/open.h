// SPDX-License-Identifier: Apache-2.0
// Opening a database file: its path, the connections of a store, and what must not be opened.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "storage/open_store.h"
#include "storage/sqlite/sql/connection.h"

namespace sextant::storage::sqlite {

/// The path as it is compared, locked and named in messages. With `create` its folder is made; without it a
/// missing file is NotFound. FailedPrecondition for what is not a regular file.
absl::StatusOr<std::string> CanonicalPath(const std::string& path, bool create);

/// Refuses what SQLite would quietly mix up or do without: the log of another file beside this one, a log
/// without its file, and (`log_was_left`: a process that did not end in order had one) a log that is gone.
absl::Status CheckLog(const std::string& path, bool log_was_left);

/// True when a write-ahead log that holds anything is beside the file.
bool HasLog(const std::string& path);

/// The connection that writes, with a page cache of `cache_bytes` and the schema brought up to date. The
/// pages of a new file carry checksums if `page_checksums`; those of others do as before.
absl::StatusOr<std::unique_ptr<Connection>> OpenWriter(const std::string& path, Durability durability,
                                                       std::int64_t cache_bytes, bool page_checksums);

absl::StatusOr<std::unique_ptr<Connection>> OpenReader(const std::string& path);

/// Whether the file can be opened read-only: whole enough, ours, of the current schema.
absl::Status CheckReadable(const std::string& path);

}  // namespace sextant::storage::sqlite
