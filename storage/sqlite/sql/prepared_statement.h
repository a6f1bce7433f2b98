// SPDX-License-Identifier: Apache-2.0
// A prepared statement of SQLite.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "storage/sqlite/sql/connection.h"

struct sqlite3_stmt;

namespace sextant::storage::sqlite {

/// Lists of numbers are blobs of little-endian doubles.
class PreparedSqlite final : public relational::PreparedStatement {
 public:
  /// `bytes` and `flags` as sqlite3_prepare_v3 takes them.
  static absl::StatusOr<std::unique_ptr<relational::PreparedStatement>> Make(Connection& connection,
                                                                             const char* sql, int bytes,
                                                                             unsigned flags);
  ~PreparedSqlite() override;
  PreparedSqlite(const PreparedSqlite&) = delete;
  PreparedSqlite& operator=(const PreparedSqlite&) = delete;

  void BindInt(int index, std::int64_t value) override;
  void BindReal(int index, double value) override;
  void BindText(int index, std::string_view text) override;
  void BindTextView(int index, std::string_view text) override;
  void BindNull(int index) override;
  void BindBlobView(int index, std::span<const std::uint8_t> bytes) override;
  void BindReals(int index, std::span<const double> values) override;
  absl::StatusOr<bool> Step() override;
  void Reset() override;
  bool IsNull(int column) const override;
  std::int64_t Int(int column) const override;
  double Real(int column) const override;
  std::string_view Text(int column) const override;
  std::span<const std::uint8_t> Blob(int column) const override;
  void Reals(int column, std::vector<double>& values) const override;

 private:
  PreparedSqlite(const Connection& connection, sqlite3_stmt* statement)
      : connection_(connection), statement_(statement) {}
  void Note(int code);

  const Connection& connection_;
  sqlite3_stmt* statement_;
  int bind_error_ = 0;
};

}  // namespace sextant::storage::sqlite
