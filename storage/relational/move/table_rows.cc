// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/move/table_rows.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string_view>

#include "base/status_macros.h"

namespace sextant::storage::relational {
namespace {

constexpr std::int64_t kRowsOfDigest = 2000;  // at once

std::string ColumnNames(const Table& table) {
  return absl::StrJoin(table.columns, ", ",
                       [](std::string* out, const DescribedColumn& column) { out->append(column.name); });
}

Cell ReadCell(const Statement& row, int at, DescribedColumn::Kind kind) {
  if (row.IsNull(at)) return {};
  switch (kind) {
    case DescribedColumn::Kind::kInt:
      return row.Int(at);
    case DescribedColumn::Kind::kReal:
      return row.Real(at);
    case DescribedColumn::Kind::kText:
      return std::string(row.Text(at));
    case DescribedColumn::Kind::kBlob: {
      const auto bytes = row.Blob(at);
      return std::string(bytes.begin(), bytes.end());
    }
    case DescribedColumn::Kind::kReals: {
      std::vector<double> values;
      row.Reals(at, values);
      return values;
    }
  }
  return {};
}

void BindCell(Statement& statement, const Cell& cell, DescribedColumn::Kind kind) {
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) {
    statement.Next(*integer);
  } else if (const auto* real = std::get_if<double>(&cell)) {
    statement.Next(*real);
  } else if (const auto* values = std::get_if<std::vector<double>>(&cell)) {
    statement.NextReals(*values);
  } else if (const auto* text = std::get_if<std::string>(&cell)) {
    if (kind == DescribedColumn::Kind::kBlob) {
      statement.NextBlobView({reinterpret_cast<const std::uint8_t*>(text->data()), text->size()});
    } else {
      statement.NextTextView(*text);
    }
  } else {
    statement.NextNull();
  }
}

DescribedColumn::Kind KindOf(const Table& table, const std::string& name) {
  return std::find_if(table.columns.begin(), table.columns.end(),
                      [&](const DescribedColumn& column) { return column.name == name; })
      ->kind;
}

void DigestCell(XXH3_state_t* state, const Cell& cell) {
  const auto add = [&](const void* data, std::size_t size) { XXH3_64bits_update(state, data, size); };
  const auto add_number = [&](const auto& number) { add(&number, sizeof(number)); };
  const auto add_real = [&](double value) {
    // NaN has many forms, and zero two that databases do not tell apart.
    add_number(std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value == 0 ? 0.0 : value);
  };
  add_number(static_cast<std::uint8_t>(cell.index()));
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) {
    add_number(*integer);
  } else if (const auto* real = std::get_if<double>(&cell)) {
    add_real(*real);
  } else if (const auto* text = std::get_if<std::string>(&cell)) {
    add_number(std::uint64_t{text->size()});
    add(text->data(), text->size());
  } else if (const auto* values = std::get_if<std::vector<double>>(&cell)) {
    add_number(std::uint64_t{values->size()});
    for (const double value : *values) add_real(value);
  }
}

}  // namespace

TableRow KeyOfRow(const Table& table, const TableRow& row) {
  TableRow key;
  for (const std::string& name : table.key) {
    const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                    [&](const DescribedColumn& column) { return column.name == name; });
    key.push_back(row[static_cast<std::size_t>(found - table.columns.begin())]);
  }
  return key;
}

absl::StatusOr<std::vector<TableRow>> ReadRows(Connection& connection, const Table& table,
                                               const TableRow& after, std::int64_t limit) {
  const std::string key = absl::StrJoin(table.key, ", ");
  std::string sql = absl::StrCat("SELECT ", ColumnNames(table), " FROM ", table.name);
  const bool marked = table.name == "counters";
  if (marked) absl::StrAppend(&sql, " WHERE name <> '", kMoveMark, "'");
  if (!after.empty()) {
    std::string values = "?";
    for (std::size_t i = 1; i < table.key.size(); ++i) values += ", ?";
    absl::StrAppend(&sql, marked ? " AND (" : " WHERE (", key, ") > (", values, ")");
  }
  absl::StrAppend(&sql, " ORDER BY ", key, " LIMIT ?");
  ASSIGN_OR_RETURN(auto statement, connection.PrepareOnce(sql));
  for (std::size_t i = 0; i < after.size(); ++i) BindCell(statement, after[i], KindOf(table, table.key[i]));
  statement.Next(limit);
  std::vector<TableRow> rows;
  for (;;) {
    ASSIGN_OR_RETURN(auto found, statement.Step());
    if (!found) return rows;
    TableRow& row = rows.emplace_back();
    int at = 0;
    for (const DescribedColumn& column : table.columns) row.push_back(ReadCell(statement, at++, column.kind));
  }
}

absl::StatusOr<TableRow> LastKey(Connection& connection, const Table& table) {
  const std::string order = absl::StrJoin(table.key, " DESC, ");
  ASSIGN_OR_RETURN(auto statement,
                   connection.PrepareOnce(absl::StrCat("SELECT ", absl::StrJoin(table.key, ", "), " FROM ",
                                                       table.name, " ORDER BY ", order, " DESC LIMIT 1")));
  ASSIGN_OR_RETURN(auto found, statement.Step());
  TableRow key;
  if (!found) return key;
  int at = 0;
  for (const std::string& name : table.key) key.push_back(ReadCell(statement, at++, KindOf(table, name)));
  return key;
}

absl::Status WriteRows(Connection& connection, const Table& table, const std::vector<TableRow>& rows) {
  std::string values, replaced;
  for (const DescribedColumn& column : table.columns) {
    values += values.empty() ? "?" : ", ?";
    if (std::find(table.key.begin(), table.key.end(), column.name) != table.key.end()) continue;
    absl::StrAppend(&replaced, replaced.empty() ? "" : ", ", column.name, " = excluded.", column.name);
  }
  const std::string sql =
      absl::StrCat("INSERT INTO ", table.name, " (", ColumnNames(table), ") VALUES (", values,
                   ") ON CONFLICT (", absl::StrJoin(table.key, ", "), ") DO UPDATE SET ", replaced);
  ASSIGN_OR_RETURN(auto statement, connection.PrepareOnce(sql));
  for (const TableRow& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) BindCell(statement, row[i], table.columns[i].kind);
    RETURN_IF_ERROR(statement.Run());
  }
  return connection.KeysWereGiven(table.name);
}

absl::StatusOr<TableDigest> DigestTable(Connection& connection, const Table& table) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
  XXH3_64bits_reset(state.get());
  TableDigest digest;
  TableRow after;
  for (;;) {
    ASSIGN_OR_RETURN(auto rows, ReadRows(connection, table, after, kRowsOfDigest));
    if (rows.empty()) break;
    for (const TableRow& row : rows) {
      for (const Cell& cell : row) DigestCell(state.get(), cell);
    }
    digest.rows += static_cast<std::int64_t>(rows.size());
    after = KeyOfRow(table, rows.back());
  }
  digest.digest = XXH3_64bits_digest(state.get());
  return digest;
}

}  // namespace sextant::storage::relational
