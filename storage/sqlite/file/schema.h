// SPDX-License-Identifier: Apache-2.0
// The tables, as ordered migrations. docs/schema.md describes what each holds.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <span>

#include "storage/sqlite/sql/connection.h"

namespace sextant::storage::sqlite {

/// "SXTN": marks a SQLite file as Sextant's (PRAGMA application_id).
inline constexpr int kApplicationId = 0x5358544E;

/// Migration i takes a file from version i to i + 1 (PRAGMA user_version). Ones that were released never
/// change; a new layout appends one.
std::span<const char* const> Migrations();

/// The version that this build reads and writes.
int CurrentSchemaVersion();

/// The file's version; 0 for a new, empty file. FailedPrecondition when the file is a database of something
/// else, or newer than this build (both versions are named).
absl::StatusOr<int> ReadSchemaVersion(relational::Connection& connection);

/// Brings the file to the current version in one transaction: after a failure it is as it was.
absl::Status Migrate(Connection& connection);

/// The same, stopping at `version`: for tests of old files.
absl::Status MigrateTo(Connection& connection, int version);

}  // namespace sextant::storage::sqlite
