// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/file/foreign_file.h"

#include <absl/strings/str_cat.h>
#include <sqlite3.h>

#include <set>
#include <tuple>
#include <utility>

#include "storage/sqlite/file/schema.h"
#include "storage/sqlite/sql/connection.h"

namespace sextant::storage {
namespace {

using sqlite::Connection;

// No text or blob of a study is longer; SQL that there is a schema for has a few columns.
constexpr int kMaxValueBytes = 64 << 20, kMaxSqlBytes = 100'000, kMaxColumns = 100, kMaxExpressionDepth = 50;
constexpr int kStepsBetweenLooks = 10'000;  // of SQLite's machine: a fraction of a millisecond

/// What a schema holds: (type, name, table, SQL), in any order.
using Schema = std::set<std::tuple<std::string, std::string, std::string, std::string>>;

absl::StatusOr<Schema> ReadSchema(Connection& connection) {
  auto select =
      connection.PrepareOnce("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema LIMIT 1000");
  if (!select.ok()) return select.status();
  Schema schema;
  for (;;) {
    auto row = select->Step();
    if (!row.ok()) return row.status();
    if (!*row) return schema;
    schema.emplace(select->Text(0), select->Text(1), select->Text(2), select->Text(3));
  }
}

absl::StatusOr<Schema> OwnSchema() {
  auto connection = Connection::Open(":memory:", sqlite::OpenMode::kCreate);
  if (!connection.ok()) return connection.status();
  if (absl::Status status = sqlite::Migrate(**connection); !status.ok()) return status;
  return ReadSchema(**connection);
}

/// Ends statements of a connection once a time is over.
class Deadline {
 public:
  Deadline(Connection& connection, std::chrono::milliseconds patience)
      : connection_(connection), end_(std::chrono::steady_clock::now() + patience) {
    sqlite3_progress_handler(connection.handle(), kStepsBetweenLooks, IsOver, this);
  }
  ~Deadline() { sqlite3_progress_handler(connection_.handle(), 0, nullptr, nullptr); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  bool over() const { return std::chrono::steady_clock::now() >= end_; }

 private:
  static int IsOver(void* self) { return static_cast<Deadline*>(self)->over() ? 1 : 0; }

  Connection& connection_;
  const std::chrono::steady_clock::time_point end_;
};

void Distrust(Connection& connection) {
  sqlite3* const db = connection.handle();
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, kMaxValueBytes);
  sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, kMaxSqlBytes);
  sqlite3_limit(db, SQLITE_LIMIT_COLUMN, kMaxColumns);
  sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, kMaxExpressionDepth);
  sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(db, SQLITE_LIMIT_TRIGGER_DEPTH, 1);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
}

absl::Status CheckPages(Connection& connection) {
  auto check = connection.PrepareOnce("PRAGMA integrity_check(1)");
  if (!check.ok()) return check.status();
  auto row = check->Step();
  if (!row.ok()) return row.status();
  if (*row && check->Text(0) != "ok")
    return absl::DataLossError(absl::StrCat("it is damaged: ", std::string(check->Text(0))));
  return absl::OkStatus();
}

absl::Status Check(Connection& connection) {
  auto version = sqlite::ReadSchemaVersion(connection);
  if (!version.ok()) return version.status();
  if (*version != sqlite::CurrentSchemaVersion()) {
    return absl::FailedPreconditionError(absl::StrCat("it has schema version ", *version, ", where ",
                                                      sqlite::CurrentSchemaVersion(),
                                                      " is read: export it again"));
  }
  auto own = OwnSchema();
  if (!own.ok()) return own.status();
  auto schema = ReadSchema(connection);
  if (!schema.ok()) return schema.status();
  if (*schema != *own) {
    return absl::FailedPreconditionError("its tables are not those that an export has");
  }
  return CheckPages(connection);
}

}  // namespace

absl::Status CheckForeignFile(const std::string& path, std::chrono::milliseconds patience) {
  auto connection = Connection::Open(path, sqlite::OpenMode::kImmutable);
  if (!connection.ok()) return connection.status();
  Distrust(**connection);
  const Deadline deadline(**connection, patience);
  absl::Status status = (*connection)->Execute("PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0");
  if (status.ok()) status = Check(**connection);
  if (!status.ok() && deadline.over()) return absl::DeadlineExceededError("it takes too long to check");
  return status;
}

}  // namespace sextant::storage
