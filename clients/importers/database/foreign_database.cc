// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/database/foreign_database.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "clients/importers/limits.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

namespace fs = std::filesystem;

constexpr int kProgressOperations = 10'000;
// A row of a hundred bytes is found, sorted and handed out in some hundreds of operations.
constexpr std::int64_t kOperationsPerByte = 100, kOperationsFree = 20'000'000;

// The path as a URI: everything but plain characters escaped.
std::string ImmutableUri(const std::string& path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        (byte < 0x80 && std::isalnum(byte) != 0) || c == '/' || c == '.' || c == '_' || c == '-';
    if (plain) {
      uri += c;
    } else {
      uri += '%';
      uri += kHex[byte >> 4];
      uri += kHex[byte & 15];
    }
  }
  return uri + "?mode=ro&immutable=1";
}

}  // namespace

std::string_view DatabaseRow::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::optional<double> DatabaseRow::Number(int column) const {
  switch (sqlite3_column_type(statement_, column)) {
    case SQLITE_INTEGER:
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement_, column);
    case SQLITE_TEXT:
      return ParseDouble(Text(column));
    default:
      return std::nullopt;
  }
}

std::optional<std::int64_t> DatabaseRow::Integer(int column) const {
  const std::optional<double> number = Number(column);
  if (!number || !(*number >= -9e15 && *number <= 9e15)) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

absl::StatusOr<std::unique_ptr<ForeignDatabase>> ForeignDatabase::Open(const std::string& path) {
  const std::string name = Printable(path);
  std::error_code error;
  if (path == "-" || !fs::is_regular_file(path, error)) {
    return absl::FailedPreconditionError(absl::StrCat(
        path == "-" ? "stdin" : name, ": a database can be read from a file only; save it first"));
  }
  for (const char* suffix : {"-journal", "-wal"}) {
    const auto bytes = fs::file_size(path + suffix, error);
    if (error || bytes == 0) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        name, suffix,
        " holds changes that are not in the database yet: close the program that writes it, or make "
        "a copy with `sqlite3 ",
        name, " \".backup copy.db\"`"));
  }
  auto database = std::unique_ptr<ForeignDatabase>(new ForeignDatabase());
  database->name_ = name;
  const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
  const int opened = sqlite3_open_v2(ImmutableUri(path).c_str(), &database->database_, flags, nullptr);
  if (opened != SQLITE_OK) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": ", sqlite3_errstr(opened)));
  }
  const auto file_bytes = static_cast<std::int64_t>(fs::file_size(path, error));
  if (absl::Status hard = database->Harden(error ? 0 : file_bytes); !hard.ok()) return hard;
  return database;
}

ForeignDatabase::~ForeignDatabase() { sqlite3_close_v2(database_); }

absl::Status ForeignDatabase::Harden(std::int64_t file_bytes) {
  const int limits[][2] = {{SQLITE_LIMIT_LENGTH, static_cast<int>(kMaxDatabaseTextBytes)},
                           {SQLITE_LIMIT_SQL_LENGTH, 100'000},
                           {SQLITE_LIMIT_COLUMN, 200},
                           {SQLITE_LIMIT_EXPR_DEPTH, 50},
                           {SQLITE_LIMIT_COMPOUND_SELECT, 5},
                           {SQLITE_LIMIT_VDBE_OP, 25'000},
                           {SQLITE_LIMIT_FUNCTION_ARG, 8},
                           {SQLITE_LIMIT_ATTACHED, 0},
                           {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50},
                           {SQLITE_LIMIT_VARIABLE_NUMBER, 4},
                           {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
                           {SQLITE_LIMIT_WORKER_THREADS, 0}};
  for (const auto& [limit, value] : limits) sqlite3_limit(database_, limit, value);
  const int off[] = {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION,
                     SQLITE_DBCONFIG_TRUSTED_SCHEMA,
                     SQLITE_DBCONFIG_ENABLE_TRIGGER,
                     SQLITE_DBCONFIG_ENABLE_VIEW,
                     SQLITE_DBCONFIG_WRITABLE_SCHEMA,
                     SQLITE_DBCONFIG_DQS_DML,
                     SQLITE_DBCONFIG_DQS_DDL};
  for (const int setting : off) sqlite3_db_config(database_, setting, 0, nullptr);
  sqlite3_db_config(database_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  steps_left_ = (kOperationsFree + kOperationsPerByte * file_bytes) / kProgressOperations;
  sqlite3_progress_handler(database_, kProgressOperations, &ForeignDatabase::OnProgress, this);
  for (const char* pragma : {"PRAGMA cell_size_check=ON", "PRAGMA mmap_size=0", "PRAGMA query_only=ON"}) {
    if (absl::Status set = Query(pragma, [](const DatabaseRow&) { return true; }); !set.ok()) return set;
  }
  return absl::OkStatus();
}

int ForeignDatabase::OnProgress(void* self) { return --static_cast<ForeignDatabase*>(self)->steps_left_ < 0; }

bool ForeignDatabase::HasTable(const std::string& table) {
  bool found = false;
  const absl::Status asked =
      Query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1", table, [&](const DatabaseRow&) {
        found = true;
        return false;
      });
  return asked.ok() && found;
}

bool ForeignDatabase::HasColumn(const std::string& table, const std::string& column) {
  bool found = false;
  const absl::Status asked =
      Query("SELECT name FROM pragma_table_info(?1)", table, [&](const DatabaseRow& row) {
        found |= row.Text(0) == column;
        return true;
      });
  return asked.ok() && found;
}

absl::Status ForeignDatabase::Query(const std::string& sql,
                                    const std::function<bool(const DatabaseRow&)>& each) {
  return Run(sql, nullptr, each);
}

absl::Status ForeignDatabase::Query(const std::string& sql, std::string_view parameter,
                                    const std::function<bool(const DatabaseRow&)>& each) {
  return Run(sql, &parameter, each);
}

absl::Status ForeignDatabase::Run(const std::string& sql, const std::string_view* parameter,
                                  const std::function<bool(const DatabaseRow&)>& each) {
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v2(database_, sql.c_str(), static_cast<int>(sql.size()), &raw, nullptr);
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(raw, &sqlite3_finalize);
  if (code == SQLITE_OK && parameter != nullptr) {
    code =
        sqlite3_bind_text(raw, 1, parameter->data(), static_cast<int>(parameter->size()), SQLITE_TRANSIENT);
  }
  if (code == SQLITE_OK) {
    const DatabaseRow row(raw);
    while ((code = sqlite3_step(raw)) == SQLITE_ROW) {
      if (!each(row)) return absl::OkStatus();
    }
  }
  if (code == SQLITE_DONE || code == SQLITE_OK) return absl::OkStatus();
  if (code == SQLITE_TOOBIG) {
    return absl::OutOfRangeError(
        absl::StrCat(name_, " holds a value longer than ", kMaxDatabaseTextBytes, " bytes"));
  }
  if (code == SQLITE_INTERRUPT) {
    return absl::InvalidArgumentError(
        absl::StrCat(name_,
                     ": reading it takes more work than a file of its size can need; its indexes are missing "
                     "or its schema is not what its program makes"));
  }
  return absl::InvalidArgumentError(absl::StrCat(name_, ": ", Printable(sqlite3_errmsg(database_))));
}

}  // namespace sextant::importers
