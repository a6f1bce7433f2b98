// SPDX-License-Identifier: Apache-2.0
// The fields of a Run that filters and orders name, as the API calls them.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/run_field_table.h"
#include "storage/records.h"

namespace sextant::server {

/// What filters and orders call by a name: how it is kept, and what the store calls it.
struct FilterField {
  FieldKind kind = FieldKind::kNumber;
  std::string column;
};
/// Absent if filters know no such field, and the study declares none. `name` is the field `run_id`, whose
/// values may be resource names then. What a study declares has its own name, or `variables.` before it.
std::optional<FilterField> FindRunField(const std::string& api_name,
                                        std::span<const storage::DeclaredColumn> declared);
/// All API names, for messages.
std::string RunFieldNames(std::span<const storage::DeclaredColumn> declared);

}  // namespace sextant::server
