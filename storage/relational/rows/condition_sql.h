// SPDX-License-Identifier: Apache-2.0
// Checked conditions to parameterised SQL. Field names come from a fixed list, values only ever as
// parameters.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/run_field_table.h"
#include "storage/relational/sql/connection.h"
#include "storage/store.h"

namespace sextant::storage::relational {

/// SQL text and the values of its placeholders, in order.
struct SqlText {
  SqlText() = default;
  explicit SqlText(const Connection& connection) : bytewise(connection.bytewise()) {}
  const char* bytewise = "";  ///< Connection::bytewise of where it goes
  std::string sql;
  std::vector<std::variant<std::int64_t, double, std::string>> values;
  void Add(const std::string& text) { sql += text; }
  template <typename T>
  void AddValue(T value) {
    sql += '?';
    values.emplace_back(std::move(value));
  }
};

/// The run field of that column; InvalidArgument names the ones there are.
absl::StatusOr<RunField> FindRunField(const std::string& column);

/// The state of that name ("running", …).
std::optional<fitting::RunState> FindState(const std::string& name);

/// Appends " AND (…)" over the table alias r for every condition. InvalidArgument for an unknown field, an
/// operation that the field's type lacks, or more than 1000 nodes or 50 levels.
absl::Status AddConditions(const std::vector<Condition>& where, SqlText& out);

/// Prepares `text` and binds its values.
absl::StatusOr<Statement> PrepareText(Connection& connection, const SqlText& text);

}  // namespace sextant::storage::relational
