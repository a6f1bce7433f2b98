// SPDX-License-Identifier: Apache-2.0
// Rows of any table, from one database into another.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "storage/relational/move/tables.h"

namespace sextant::storage::relational {

/// monostate: NULL. Blobs are strings.
using Cell = std::variant<std::monostate, std::int64_t, double, std::string, std::vector<double>>;
using TableRow = std::vector<Cell>;

/// The row of `counters` that says that a database is being filled: its value is 1.
inline constexpr char kMoveMark[] = "move_in_progress";

/// At most `limit` rows after the one with the key `after` (empty: from the first on), in order of the key.
/// Without the mark.
absl::StatusOr<std::vector<TableRow>> ReadRows(Connection& connection, const Table& table,
                                               const TableRow& after, std::int64_t limit);
/// The values of the key's columns of a row.
TableRow KeyOfRow(const Table& table, const TableRow& row);
/// The key of the last row; empty without one.
absl::StatusOr<TableRow> LastKey(Connection& connection, const Table& table);

/// Inserts rows, in place of those of the same keys.
absl::Status WriteRows(Connection& connection, const Table& table, const std::vector<TableRow>& rows);

struct TableDigest {
  std::int64_t rows = 0;
  std::uint64_t digest = 0;  ///< XXH3-64 over all cells in order of the key
  bool operator==(const TableDigest&) const = default;
};
absl::StatusOr<TableDigest> DigestTable(Connection& connection, const Table& table);

}  // namespace sextant::storage::relational
