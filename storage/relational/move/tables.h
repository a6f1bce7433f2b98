// SPDX-License-Identifier: Apache-2.0
// The tables of a database as it describes them itself, for what moves whole databases.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "storage/relational/sql/connection.h"

namespace sextant::storage::relational {

/// A table with its columns by name, and those of its primary key in the order of the key.
struct Table {
  std::string name;
  std::vector<DescribedColumn> columns;
  std::vector<std::string> key;
  bool operator==(const Table&) const = default;
};

/// The tables that both databases have, in an order in which what is referred to comes first; columns as
/// `from` has them. FailedPrecondition when one has a table or a column that the other lacks.
absl::StatusOr<std::vector<Table>> CommonTables(Connection& from, Connection& to);

}  // namespace sextant::storage::relational
