// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/sql/prepared_statement.h"

#include <sqlite3.h>

#include <bit>
#include <cstring>
#include <limits>

#include "storage/sqlite/sql/error.h"

namespace sextant::storage::sqlite {
namespace {

static_assert(std::endian::native == std::endian::little, "lists are kept as the machine holds them");

// A null pointer would bind NULL; an empty text is a value.
const char* DataOf(std::string_view text) { return text.data() != nullptr ? text.data() : ""; }

}  // namespace

absl::StatusOr<std::unique_ptr<relational::PreparedStatement>> PreparedSqlite::Make(Connection& connection,
                                                                                    const char* sql,
                                                                                    int bytes,
                                                                                    unsigned flags) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(connection.handle(), sql, bytes, flags, &statement, nullptr) != SQLITE_OK) {
    return connection.LastError();
  }
  return std::unique_ptr<relational::PreparedStatement>(new PreparedSqlite(connection, statement));
}

PreparedSqlite::~PreparedSqlite() { sqlite3_finalize(statement_); }

void PreparedSqlite::Note(int code) {
  if (code != SQLITE_OK && bind_error_ == SQLITE_OK) bind_error_ = code;
}

void PreparedSqlite::BindInt(int index, std::int64_t value) {
  Note(sqlite3_bind_int64(statement_, index, value));
}

void PreparedSqlite::BindReal(int index, double value) {
  Note(sqlite3_bind_double(statement_, index, value));
}

void PreparedSqlite::BindText(int index, std::string_view text) {
  Note(sqlite3_bind_text64(statement_, index, DataOf(text), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void PreparedSqlite::BindTextView(int index, std::string_view text) {
  Note(sqlite3_bind_text64(statement_, index, DataOf(text), text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void PreparedSqlite::BindNull(int index) { Note(sqlite3_bind_null(statement_, index)); }

void PreparedSqlite::BindBlobView(int index, std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) {
    Note(sqlite3_bind_zeroblob(statement_, index, 0));
  } else {
    Note(sqlite3_bind_blob64(statement_, index, bytes.data(), bytes.size(), SQLITE_STATIC));
  }
}

void PreparedSqlite::BindReals(int index, std::span<const double> values) {
  if (values.empty()) return BindNull(index);
  BindBlobView(index, {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()});
}

absl::StatusOr<bool> PreparedSqlite::Step() {
  if (bind_error_ != SQLITE_OK) {
    return StatusFromCode(bind_error_, 0, sqlite3_errstr(bind_error_), connection_.path());
  }
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return connection_.LastError();
}

void PreparedSqlite::Reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  bind_error_ = SQLITE_OK;
}

bool PreparedSqlite::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t PreparedSqlite::Int(int column) const { return sqlite3_column_int64(statement_, column); }

double PreparedSqlite::Real(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return sqlite3_column_double(statement_, column);
}

std::string_view PreparedSqlite::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::span<const std::uint8_t> PreparedSqlite::Blob(int column) const {
  const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

void PreparedSqlite::Reals(int column, std::vector<double>& values) const {
  const auto bytes = Blob(column);
  values.resize(bytes.size() / sizeof(double));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(double));
}

}  // namespace sextant::storage::sqlite
