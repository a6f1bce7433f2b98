// SPDX-License-Identifier: Apache-2.0
// What studies declare in addition to the standard fields, and the values of their runs.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/run_field_table.h"
#include "storage/records.h"
#include "storage/relational/sql/connection.h"

namespace sextant::storage::relational {

/// InvalidArgument for a name, text or number of columns that is not allowed.
absl::Status CheckDeclared(std::span<const DeclaredColumn> declared);
/// Puts `declared` in the place of what the study had. Checked columns only.
absl::Status WriteDeclared(Connection& connection, std::int64_t study_key,
                           std::span<const DeclaredColumn> declared);
absl::StatusOr<std::vector<DeclaredColumn>> ReadDeclared(Connection& connection, std::int64_t study_key);

/// A run's values as the column `declared` holds them: up to the last known one.
std::span<const double> KnownValues(const std::vector<double>& values);

/// The field for conditions and orders on the declared column at `place`, below kMaxDeclared.
const RunField& DeclaredRunField(int place);
/// SQL over the table alias r for what a field holds.
std::string FieldSql(const RunField& field);

}  // namespace sextant::storage::relational
