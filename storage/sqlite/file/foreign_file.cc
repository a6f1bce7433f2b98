// SPDX-License-Identifier: Apache-2.0
// AcceptForeignFile (storage/study_file.h): an exported study is a SQLite file whatever the engine.
#include <absl/strings/str_cat.h>
#include <sqlite3.h>

#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "storage/sqlite/file/schema.h"
#include "storage/sqlite/sql/connection.h"
#include "storage/study_file.h"

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

// The tables of a version: an older file has them, word for word, since all versions are made by the same
// migrations.
absl::StatusOr<Schema> OwnSchema(int version) {
  auto connection = Connection::Open(":memory:", sqlite::OpenMode::kCreate);
  if (!connection.ok()) return connection.status();
  if (absl::Status status = sqlite::MigrateTo(**connection, version); !status.ok()) return status;
  return ReadSchema(**connection);
}

/// Ends statements of connections once a time is over, or nobody waits for them any more.
class Deadline {
 public:
  explicit Deadline(const ForeignFileLimits& limits)
      : given_up_(limits.given_up), end_(std::chrono::steady_clock::now() + limits.patience) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  /// The connection ends before this does.
  void Watch(Connection& connection) {
    sqlite3_progress_handler(connection.handle(), kStepsBetweenLooks, IsOver, this);
  }
  absl::Status Check() const {
    if (given_up_ && given_up_()) return absl::CancelledError("the import was given up");
    if (std::chrono::steady_clock::now() < end_) return absl::OkStatus();
    return absl::DeadlineExceededError("it takes too long to check");
  }

 private:
  static int IsOver(void* self) { return static_cast<Deadline*>(self)->Check().ok() ? 0 : 1; }

  const std::function<bool()> given_up_;
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

// Its version; the tables are that version's and nothing else is there.
absl::StatusOr<int> CheckTables(Connection& connection) {
  auto version = sqlite::ReadSchemaVersion(connection);
  if (!version.ok()) return version.status();
  if (*version == 0) return absl::FailedPreconditionError("it is empty");
  auto own = OwnSchema(*version);
  if (!own.ok()) return own.status();
  auto schema = ReadSchema(connection);
  if (!schema.ok()) return schema.status();
  if (*schema != *own) {
    return absl::FailedPreconditionError("its tables are not those that an export has");
  }
  return *version;
}

absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path, sqlite::OpenMode mode,
                                                 Deadline& deadline) {
  auto connection = Connection::Open(path, mode);
  if (!connection.ok()) return connection.status();
  Distrust(**connection);
  deadline.Watch(**connection);
  if (absl::Status status = (*connection)->Execute("PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0");
      !status.ok())
    return status;
  return connection;
}

absl::StatusOr<int> Check(const std::string& path, Deadline& deadline) {
  auto connection = Open(path, sqlite::OpenMode::kImmutable, deadline);
  if (!connection.ok()) return connection.status();
  auto version = CheckTables(**connection);
  if (!version.ok()) return version.status();
  if (absl::Status status = CheckPages(**connection); !status.ok()) return status;
  return *version;
}

// As one plain file: out of WAL mode, if it was in it.
absl::Status BringUpToDate(const std::string& path, Deadline& deadline) {
  auto connection = Open(path, sqlite::OpenMode::kReadWrite, deadline);
  if (!connection.ok()) return connection.status();
  absl::Status status = (*connection)->Execute("PRAGMA journal_mode = DELETE");
  if (status.ok()) status = sqlite::Migrate(**connection);
  if (!status.ok()) return status;
  return CheckTables(**connection).status();
}

}  // namespace

absl::Status AcceptForeignFile(const std::string& path, const ForeignFileLimits& limits) {
  Deadline deadline(limits);
  if (absl::Status begin = deadline.Check(); !begin.ok()) return begin;
  auto version = Check(path, deadline);
  absl::Status status = version.status();
  if (status.ok() && *version != sqlite::CurrentSchemaVersion()) status = BringUpToDate(path, deadline);
  if (status.ok()) return status;
  const absl::Status ended = deadline.Check();
  return ended.ok() ? status : ended;
}

}  // namespace sextant::storage
