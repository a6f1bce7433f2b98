// SPDX-License-Identifier: Apache-2.0
#include "server/run_fields.h"

#include "storage/snapshot.h"

namespace sextant::server {

std::optional<FilterField> FindRunField(const std::string& api_name,
                                        std::span<const storage::DeclaredColumn> declared) {
  for (const RunField& field : kRunFields) {
    if (!field.in_filters) continue;
    const std::string name = field.name;
    if (api_name == name || (api_name == "name" && name == "run_id"))
      return FilterField{field.kind, field.column};
  }
  constexpr std::string_view kPrefix = "variables.";
  const bool prefixed = api_name.rfind(kPrefix, 0) == 0;
  const int place = storage::FindDeclared(declared, prefixed ? api_name.substr(kPrefix.size()) : api_name);
  if (place < 0) return std::nullopt;
  return FilterField{FieldKind::kNumber, storage::DeclaredField(place)};
}

std::string RunFieldNames(std::span<const storage::DeclaredColumn> declared) {
  std::string names = "name";
  for (const RunField& field : kRunFields) {
    if (field.in_filters) names.append(", ").append(field.name);
  }
  for (const storage::DeclaredColumn& column : declared) names.append(", ").append(column.name);
  return names;
}

}  // namespace sextant::server
