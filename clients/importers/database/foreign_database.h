// SPDX-License-Identifier: Apache-2.0
// SQLite files that other programs wrote, read as the untrusted input that they are.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sextant::importers {

/// One row of a result. Views hold until the next row.
class DatabaseRow {
 public:
  explicit DatabaseRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool IsNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  /// Empty for NULL.
  std::string_view Text(int column) const;
  /// Absent for NULL and for text that is no number.
  std::optional<double> Number(int column) const;
  std::optional<std::int64_t> Integer(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// A database opened read-only and immutable: nothing is written beside it, no lock is taken. Its schema is
/// not trusted, values are bounded by kMaxDatabaseTextBytes, and the work of all queries together is bounded
/// by the size of the file, so that a view made to run for ever does not. Not thread-safe.
class ForeignDatabase {
 public:
  /// FAILED_PRECONDITION for a file with a journal or a write-ahead log beside it, whose content only their
  /// program can recover, INVALID_ARGUMENT for a file that is no database.
  static absl::StatusOr<std::unique_ptr<ForeignDatabase>> Open(const std::string& path);
  ~ForeignDatabase();
  ForeignDatabase(const ForeignDatabase&) = delete;
  ForeignDatabase& operator=(const ForeignDatabase&) = delete;

  bool HasColumn(const std::string& table, const std::string& column);
  bool HasTable(const std::string& table);

  /// Runs `sql` with its one parameter, if it has one, and gives every row to `each` until that returns
  /// false. INVALID_ARGUMENT for a schema without the columns, a damaged file, or too much work;
  /// OUT_OF_RANGE for a value beyond kMaxDatabaseTextBytes.
  absl::Status Query(const std::string& sql, const std::function<bool(const DatabaseRow&)>& each);
  absl::Status Query(const std::string& sql, std::string_view parameter,
                     const std::function<bool(const DatabaseRow&)>& each);

 private:
  ForeignDatabase() = default;
  absl::Status Harden(std::int64_t file_bytes);
  absl::Status Run(const std::string& sql, const std::string_view* parameter,
                   const std::function<bool(const DatabaseRow&)>& each);
  static int OnProgress(void* self);

  std::string name_;
  sqlite3* database_ = nullptr;
  std::int64_t steps_left_ = 0;  // of kProgressOperations each
};

}  // namespace sextant::importers
