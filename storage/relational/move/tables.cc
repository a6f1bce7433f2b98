// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/move/tables.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/status_macros.h"

namespace sextant::storage::relational {
namespace {

// Others refer to these.
constexpr std::array<std::string_view, 3> kFirstTables = {"studies", "fits", "forecasts"};

absl::Status Differ(const Connection& a, const std::string& what, const Connection& b) {
  return absl::FailedPreconditionError(absl::StrCat(a.path(), " has ", what, ", which ", b.path(),
                                                    " has not: use builds of one version for both"));
}

const DescribedColumn* FindColumn(const std::vector<DescribedColumn>& columns, const std::string& name) {
  for (const DescribedColumn& column : columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

std::vector<std::string> KeyOfColumns(const std::vector<DescribedColumn>& columns) {
  std::vector<std::string> key;
  for (int place = 1;; ++place) {
    const auto found = std::find_if(columns.begin(), columns.end(),
                                    [&](const DescribedColumn& column) { return column.key_place == place; });
    if (found == columns.end()) return key;
    key.push_back(found->name);
  }
}

absl::StatusOr<Table> CommonTable(Connection& from, Connection& to, const std::string& name) {
  ASSIGN_OR_RETURN(auto mine, from.DescribeTable(name));
  ASSIGN_OR_RETURN(auto theirs, to.DescribeTable(name));
  for (const DescribedColumn& column : theirs) {
    if (FindColumn(mine, column.name) == nullptr) {
      return Differ(to, absl::StrCat("a column ", name, ".", column.name), from);
    }
  }
  Table table{name, {}, KeyOfColumns(mine)};
  if (table.key.empty()) table.key = KeyOfColumns(theirs);
  for (DescribedColumn column : mine) {
    const DescribedColumn* other = FindColumn(theirs, column.name);
    if (other == nullptr) return Differ(from, absl::StrCat("a column ", name, ".", column.name), to);
    // What one database keeps as a list the other may keep as its bytes.
    if (other->kind == DescribedColumn::Kind::kReals) column.kind = other->kind;
    table.columns.push_back(std::move(column));
  }
  // Engines have them in orders of their own; a digest is of one.
  std::sort(table.columns.begin(), table.columns.end(),
            [](const DescribedColumn& a, const DescribedColumn& b) { return a.name < b.name; });
  if (table.key.empty()) return absl::InternalError(absl::StrCat("the table ", name, " has no key"));
  return table;
}

}  // namespace

absl::StatusOr<std::vector<Table>> CommonTables(Connection& from, Connection& to) {
  ASSIGN_OR_RETURN(auto names, from.TableNames());
  ASSIGN_OR_RETURN(auto others, to.TableNames());
  std::sort(names.begin(), names.end());
  std::sort(others.begin(), others.end());
  for (const std::string& name : names) {
    if (!std::binary_search(others.begin(), others.end(), name))
      return Differ(from, absl::StrCat("a table ", name), to);
  }
  for (const std::string& name : others) {
    if (!std::binary_search(names.begin(), names.end(), name))
      return Differ(to, absl::StrCat("a table ", name), from);
  }
  const auto rank = [](const std::string& name) {
    return std::find(kFirstTables.begin(), kFirstTables.end(), name) - kFirstTables.begin();
  };
  std::stable_sort(names.begin(), names.end(),
                   [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
  std::vector<Table> tables;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(auto table, CommonTable(from, to, name));
    tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace sextant::storage::relational
