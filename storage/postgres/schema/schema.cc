// SPDX-License-Identifier: Apache-2.0
#include "storage/postgres/schema/schema.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <set>

#include "base/run_field_table.h"
#include "base/status_macros.h"

namespace sextant::storage::postgres {
namespace {

constexpr std::int64_t kMigrationLock = 0x5358544E4D494752;  // "SXTNMIGR"

absl::StatusOr<std::int64_t> AskNumber(Connection& connection, const std::string& sql) {
  ASSIGN_OR_RETURN(auto text, connection.Ask(sql));
  std::int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) return 0;
  return number;
}

// Quantities of runs that this build knows and the table lacks: a new one needs no migration of its own.
absl::StatusOr<std::vector<std::string>> MissingQuantities(Connection& connection) {
  ASSIGN_OR_RETURN(auto names,
                   connection.Ask("SELECT string_agg(column_name, ' ') FROM information_schema.columns "
                                  "WHERE table_schema = current_schema() AND table_name = 'runs'"));
  const std::set<std::string> there = absl::StrSplit(names, ' ');
  std::vector<std::string> missing;
  for (const RunQuantity& quantity : kRunQuantities) {
    if (!there.contains(quantity.column)) missing.emplace_back(quantity.column);
  }
  return missing;
}

}  // namespace

int CurrentSchemaVersion() { return Migrations().back().version; }

absl::StatusOr<int> ReadSchemaVersion(Connection& connection) {
  ASSIGN_OR_RETURN(auto schema, connection.Ask("SELECT current_schema()"));
  if (schema.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        connection.path(), ": the search path names no schema that exists: make it (CREATE SCHEMA)"));
  }
  constexpr char kTables[] = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()";
  ASSIGN_OR_RETURN(const auto marked,
                   AskNumber(connection, absl::StrCat(kTables, " AND tablename = 'sextant_schema'")));
  if (marked == 0) {
    ASSIGN_OR_RETURN(const auto tables, AskNumber(connection, kTables));
    if (tables == 0) return 0;
    return absl::FailedPreconditionError(absl::StrCat(
        connection.path(), ": the schema '", schema,
        "' holds tables of another program, not Sextant's: name another database, or a schema by "
        "?options=-csearch_path%3DNAME"));
  }
  ASSIGN_OR_RETURN(const auto version, AskNumber(connection, "SELECT max(version) FROM sextant_schema"));
  if (version > CurrentSchemaVersion()) {
    return absl::FailedPreconditionError(
        absl::StrCat(connection.path(), " was written by a newer Sextant (schema version ", version,
                     "; this one reads up to ", CurrentSchemaVersion(), "): upgrade Sextant to open it"));
  }
  return static_cast<int>(version);
}

absl::Status MigrateTo(Connection& connection, bool create, int version) {
  ASSIGN_OR_RETURN(auto before, ReadSchemaVersion(connection));
  if (before == version) {
    ASSIGN_OR_RETURN(auto missing, MissingQuantities(connection));
    if (missing.empty()) return absl::OkStatus();
  }
  if (before == 0 && !create) {
    return absl::NotFoundError(absl::StrCat(connection.path(), " holds no Sextant tables"));
  }
  ASSIGN_OR_RETURN(auto transaction, ScopedTransaction::Begin(connection, ScopedTransaction::Kind::kWrite));
  RETURN_IF_ERROR(connection.Execute(absl::StrCat("SELECT pg_advisory_xact_lock(", kMigrationLock, ")")));
  ASSIGN_OR_RETURN(auto from, ReadSchemaVersion(connection));  // somebody may have done it meanwhile
  for (const Migration& migration : Migrations()) {
    if (migration.version <= from || migration.version > version) continue;
    RETURN_IF_ERROR(connection.Execute(migration.sql));
    RETURN_IF_ERROR(
        connection.Execute(absl::StrCat("INSERT INTO sextant_schema VALUES (", migration.version, ")")));
  }
  ASSIGN_OR_RETURN(auto missing, MissingQuantities(connection));
  for (const std::string& column : missing) {
    RETURN_IF_ERROR(
        connection.Execute(absl::StrCat("ALTER TABLE runs ADD COLUMN ", column, " DOUBLE PRECISION")));
  }
  return transaction.Commit();
}

absl::Status Migrate(Connection& connection, bool create) {
  return MigrateTo(connection, create, CurrentSchemaVersion());
}

}  // namespace sextant::storage::postgres
