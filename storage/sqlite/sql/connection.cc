// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/sql/connection.h"

#include <absl/strings/str_cat.h>
#include <sqlite3.h>

#include <limits>
#include <utility>

#include "base/status_macros.h"
#include "storage/sqlite/sql/checked_vfs.h"
#include "storage/sqlite/sql/error.h"

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

}  // namespace

Statement::Statement(Connection* connection, sqlite3_stmt* statement, Cached* cached)
    : connection_(connection), statement_(statement), cached_(cached) {}

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_),
      statement_(std::exchange(other.statement_, nullptr)),
      cached_(other.cached_),
      last_bound_(other.last_bound_),
      bind_error_(other.bind_error_) {}

Statement::~Statement() {
  if (statement_ == nullptr) return;
  if (cached_ == nullptr) {
    sqlite3_finalize(statement_);
    return;
  }
  Reset();
  cached_->in_use = false;
}

void Statement::Note(int code) {
  if (code != SQLITE_OK && bind_error_ == SQLITE_OK) bind_error_ = code;
}

Statement& Statement::Bind(int index, std::int64_t value) {
  last_bound_ = index;
  Note(sqlite3_bind_int64(statement_, index, value));
  return *this;
}

Statement& Statement::Bind(int index, double value) {
  last_bound_ = index;
  Note(sqlite3_bind_double(statement_, index, value));
  return *this;
}

Statement& Statement::Bind(int index, std::string_view text) {
  last_bound_ = index;
  // A null pointer would bind NULL; an empty text is a value.
  const char* data = text.data() != nullptr ? text.data() : "";
  Note(sqlite3_bind_text64(statement_, index, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::NextTextView(std::string_view text) {
  const char* data = text.data() != nullptr ? text.data() : "";
  Note(sqlite3_bind_text64(statement_, ++last_bound_, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Statement& Statement::BindNull(int index) {
  last_bound_ = index;
  Note(sqlite3_bind_null(statement_, index));
  return *this;
}

Statement& Statement::BindBlobView(int index, std::span<const std::uint8_t> bytes) {
  last_bound_ = index;
  if (bytes.empty()) {
    Note(sqlite3_bind_zeroblob(statement_, index, 0));
  } else {
    Note(sqlite3_bind_blob64(statement_, index, bytes.data(), bytes.size(), SQLITE_STATIC));
  }
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  if (bind_error_ != SQLITE_OK) {
    return StatusFromCode(bind_error_, 0, sqlite3_errstr(bind_error_), connection_->path());
  }
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return connection_->LastError();
}

absl::Status Statement::Run() {
  for (;;) {
    ASSIGN_OR_RETURN(auto row, Step());
    if (!row) break;
  }
  Reset();
  return absl::OkStatus();
}

void Statement::Reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  last_bound_ = 0;
  bind_error_ = SQLITE_OK;
}

bool Statement::IsNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

std::int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

double Statement::Real(int column) const {
  if (IsNull(column)) return std::numeric_limits<double>::quiet_NaN();
  return sqlite3_column_double(statement_, column);
}

std::string_view Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::span<const std::uint8_t> Statement::Blob(int column) const {
  const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

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
  for (auto& [address, cached] : cache_) sqlite3_finalize(cached.statement);
  sqlite3_close_v2(db_);
}

absl::Status Connection::Execute(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return LastError();
  return absl::OkStatus();
}

absl::StatusOr<Statement> Connection::Prepare(const char* sql) {
  Cached& cached = cache_[sql];
  if (cached.in_use) return PrepareOnce(sql);
  if (cached.statement == nullptr &&
      sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &cached.statement, nullptr) != SQLITE_OK) {
    return LastError();
  }
  cached.in_use = true;
  return Statement(this, cached.statement, &cached);
}

absl::StatusOr<Statement> Connection::PrepareOnce(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db_, sql.data(), static_cast<int>(sql.size()) + 1, &statement, nullptr) !=
      SQLITE_OK) {
    return LastError();
  }
  return Statement(this, statement, nullptr);
}

std::int64_t Connection::changes() const { return sqlite3_changes64(db_); }
bool Connection::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
absl::Status Connection::LastError() const { return sqlite::LastError(db_, path_); }

StepLimit::StepLimit(Connection& connection, int steps, bool stop) : connection_(connection), stop_(stop) {
  sqlite3_progress_handler(connection.handle(), steps, Exceeded, this);
}

int StepLimit::Exceeded(void* self) {
  auto* limit = static_cast<StepLimit*>(self);
  limit->exceeded_ = true;
  return limit->stop_ ? 1 : 0;
}

StepLimit::~StepLimit() { sqlite3_progress_handler(connection_.handle(), 0, nullptr, nullptr); }

absl::StatusOr<ScopedTransaction> ScopedTransaction::Begin(Connection& connection, Kind kind) {
  const bool nested = connection.in_transaction();
  const char* sql = nested ? "SAVEPOINT nested" : kind == Kind::kWrite ? "BEGIN IMMEDIATE" : "BEGIN";
  ASSIGN_OR_RETURN(auto statement, connection.Prepare(sql));
  RETURN_IF_ERROR(statement.Run());
  return ScopedTransaction(&connection, nested);
}

ScopedTransaction::ScopedTransaction(ScopedTransaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)), nested_(other.nested_) {}

ScopedTransaction::~ScopedTransaction() {
  if (connection_ == nullptr || !connection_->in_transaction()) return;
  // A failed rollback leaves the connection in its transaction; the next Begin or Commit reports that.
  for (const char* sql : {nested_ ? "ROLLBACK TO nested" : "ROLLBACK", "RELEASE nested"}) {
    if (auto statement = connection_->Prepare(sql); statement.ok()) statement->Run().IgnoreError();
    if (!nested_) break;
  }
}

absl::Status ScopedTransaction::Commit() {
  Connection& connection = *connection_;
  if (!connection.in_transaction()) {
    connection_ = nullptr;
    return absl::AbortedError(absl::StrCat(connection.path(), ": the transaction was rolled back"));
  }
  ASSIGN_OR_RETURN(auto statement, connection.Prepare(nested_ ? "RELEASE nested" : "COMMIT"));
  absl::Status status = statement.Run();
  if (status.ok()) connection_ = nullptr;
  return status;  // on failure the destructor rolls back
}

}  // namespace sextant::storage::sqlite
