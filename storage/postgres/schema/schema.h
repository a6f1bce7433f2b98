// SPDX-License-Identifier: Apache-2.0
// The tables, as ordered migrations. docs/schema.md describes what each holds, docs/postgresql.md what
// differs.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <span>
#include <string>

#include "storage/postgres/sql/connection.h"

namespace sextant::storage::postgres {

/// Brings a database from the version before to `version`. Versions mean the same in every engine; this one
/// begins with 6.
struct Migration {
  int version;
  const char* sql;
};

/// Ones that were released never change; a new layout appends one.
std::span<const Migration> Migrations();

/// The version that this build reads and writes.
int CurrentSchemaVersion();

/// The version of what the connection's schema (the first of its search path) holds; 0 when it is empty.
/// FailedPrecondition for tables of something else, or of a newer build.
absl::StatusOr<int> ReadSchemaVersion(Connection& connection);

/// Brings the database up to date in one transaction, under an advisory lock: of processes that start
/// together one does it. After a failure it is as it was. NotFound when it is empty and not to be made.
absl::Status Migrate(Connection& connection, bool create);

/// The same, stopping at `version`: for tests of old databases.
absl::Status MigrateTo(Connection& connection, bool create, int version);

}  // namespace sextant::storage::postgres
