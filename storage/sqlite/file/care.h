// SPDX-License-Identifier: Apache-2.0
// Looking after a database file: integrity, backup, checkpoint.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>

#include "storage/relational/sql/connection.h"
#include "storage/store.h"

namespace sextant::storage::sqlite {

absl::StatusOr<StoreHealth> GetHealth(relational::Connection& connection);

/// SQLite's own check of pages and indexes. DataLoss lists the first findings.
absl::Status CheckPages(relational::Connection& connection);

/// The same, foreign keys, and that every curve decodes and has the points its run says. Reads the whole file
/// on a connection that has read nothing yet, so that each page comes from the disk.
absl::Status CheckIntegrity(relational::Connection& connection);

/// A consistent copy while others read and write. `path` must not exist (AlreadyExists); it appears only when
/// the copy is complete and on disk.
absl::Status BackUp(relational::Connection& connection, const std::string& path);

/// Moves the write-ahead log into the file. Unavailable while a reader holds an old snapshot.
absl::Status Checkpoint(relational::Connection& connection);

}  // namespace sextant::storage::sqlite
