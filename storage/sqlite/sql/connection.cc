// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/sql/connection.h"

#include <absl/strings/str_cat.h>
#include <sqlite3.h>

#include <limits>
#include <utility>

#include "base/status_macros.h"
#include "storage/sqlite/sql/checked_vfs.h"
#include "storage/sqlite/sql/error.h"
#include "storage/sqlite/sql/prepared_statement.h"

namespace sextant::storage::sqlite {
namespace {

std::string ImmutableUri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += c == '%' ? "%25" : c == '?' ? "%3f" : "%23";
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

class StepLimit final : public relational::ReadLimit {
 public:
  StepLimit(sqlite3* db, int steps, bool stop) : db_(db), stop_(stop) {
    sqlite3_progress_handler(db, steps, Exceeded, this);
  }
  StepLimit(const StepLimit&) = delete;
  StepLimit& operator=(const StepLimit&) = delete;
  ~StepLimit() override { sqlite3_progress_handler(db_, 0, nullptr, nullptr); }
  bool exceeded() const override { return exceeded_; }

 private:
  static int Exceeded(void* self) {
    auto* limit = static_cast<StepLimit*>(self);
    limit->exceeded_ = true;
    return limit->stop_ ? 1 : 0;
  }
  sqlite3* db_;
  const bool stop_;
  bool exceeded_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& path, OpenMode mode) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  std::string name = path;
  switch (mode) {
    case OpenMode::kCreate:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      break;
    case OpenMode::kReadWrite:
    case OpenMode::kUnchecked:
      flags |= SQLITE_OPEN_READWRITE;
      break;
    case OpenMode::kReadOnly:
      flags |= SQLITE_OPEN_READONLY;
      break;
    case OpenMode::kImmutable:
      flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
      name = ImmutableUri(path);
      break;
  }
  sqlite3* db = nullptr;
  const int code =
      sqlite3_open_v2(name.c_str(), &db, flags, mode == OpenMode::kUnchecked ? nullptr : CheckedVfs());
  if (code != SQLITE_OK) {
    const int system_errno = db != nullptr ? sqlite3_system_errno(db) : 0;
    const std::string detail = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
    sqlite3_close(db);
    return StatusFromCode(code, system_errno, detail, path);
  }
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return std::unique_ptr<Connection>(new Connection(db, path));
}

Connection::~Connection() {
  cache_.clear();
  sqlite3_close_v2(db_);
}

absl::Status Connection::Execute(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return LastError();
  return absl::OkStatus();
}

absl::StatusOr<Statement> Connection::Prepare(const char* sql) {
  auto& cached = cache_[sql];
  if (cached != nullptr && cached->in_use) return PrepareOnce(sql);
  if (cached == nullptr) {
    ASSIGN_OR_RETURN(cached, PreparedSqlite::Make(*this, sql, -1, SQLITE_PREPARE_PERSISTENT));
  }
  return Statement(*cached);
}

absl::StatusOr<Statement> Connection::PrepareOnce(const std::string& sql) {
  auto made = PreparedSqlite::Make(*this, sql.data(), static_cast<int>(sql.size()) + 1, 0);
  if (!made.ok()) return made.status();
  return Statement(*std::move(made));
}

std::int64_t Connection::changes() const { return sqlite3_changes64(db_); }
bool Connection::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
absl::Status Connection::LastError() const { return sqlite::LastError(db_, path_); }

std::unique_ptr<relational::ReadLimit> Connection::LimitReads(int steps, bool stop) {
  return std::make_unique<StepLimit>(db_, steps, stop);
}

absl::StatusOr<std::vector<std::string>> Connection::TableNames() {
  ASSIGN_OR_RETURN(auto statement, Prepare("SELECT name FROM sqlite_schema WHERE type = 'table' "
                                           "AND substr(name, 1, 7) <> 'sqlite_'"));
  std::vector<std::string> names;
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return names;
    names.emplace_back(statement.Text(0));
  }
}

absl::StatusOr<std::vector<relational::DescribedColumn>> Connection::DescribeTable(const std::string& table) {
  using Kind = relational::DescribedColumn::Kind;
  ASSIGN_OR_RETURN(auto statement, Prepare("SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid"));
  statement.NextTextView(table);
  std::vector<relational::DescribedColumn> columns;
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return columns;
    const std::string type(statement.Text(1));
    const Kind kind = type == "INTEGER" ? Kind::kInt
                      : type == "REAL"  ? Kind::kReal
                      : type == "TEXT"  ? Kind::kText
                                        : Kind::kBlob;
    columns.push_back({std::string(statement.Text(0)), kind, static_cast<int>(statement.Int(2))});
  }
}

sqlite3* HandleOf(const relational::Connection& connection) {
  return static_cast<const Connection&>(connection).handle();
}

}  // namespace sextant::storage::sqlite
