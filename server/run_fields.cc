// SPDX-License-Identifier: Apache-2.0
#include "server/run_fields.h"

namespace sextant::server {

const RunField* FindRunField(const std::string& api_name) {
  for (const RunField& field : kRunFields) {
    if (!field.in_filters) continue;
    const std::string name = field.name;
    if (api_name == name || (api_name == "name" && name == "run_id")) return &field;
  }
  return nullptr;
}

std::string RunFieldNames() {
  std::string names = "name";
  for (const RunField& field : kRunFields) {
    if (field.in_filters) names.append(", ").append(field.name);
  }
  return names;
}

}  // namespace sextant::server
