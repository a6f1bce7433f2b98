// SPDX-License-Identifier: Apache-2.0
#include "server/convert/text.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

namespace sextant::server {
namespace {

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7F;
}

}  // namespace

void CheckText(const std::string& field, const std::string& value, std::size_t limit,
               std::vector<FieldViolation>& violations) {
  if (value.size() > limit) {
    violations.push_back({field, absl::StrCat(value.size(), " bytes; at most ", limit, " are allowed")});
  } else if (std::any_of(value.begin(), value.end(), IsControl)) {
    violations.push_back({field, "holds a control character"});
  }
}

void CheckTextMap(const std::string& field, const google::protobuf::Map<std::string, std::string>& map,
                  std::size_t entries, std::size_t key_limit, std::size_t value_limit,
                  std::vector<FieldViolation>& violations) {
  if (map.size() > entries) {
    violations.push_back({field, absl::StrCat(map.size(), " entries; at most ", entries, " are allowed")});
    return;
  }
  // Protobuf maps have no order; violations are listed in the order of the keys.
  const std::map<std::string, std::string> sorted(map.begin(), map.end());
  for (const auto& [key, value] : sorted) {
    if (key.empty()) violations.push_back({field, "an empty key"});
    CheckText(field + " key", key, key_limit, violations);
    CheckText(absl::StrCat(field, ".", key.substr(0, key_limit)), value, value_limit, violations);
  }
}

}  // namespace sextant::server
