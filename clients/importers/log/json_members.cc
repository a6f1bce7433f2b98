// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/log/json_members.h"

#include "clients/importers/json.h"
#include "clients/importers/limits.h"
#include "clients/importers/text.h"

namespace sextant::importers {

void AddSettings(const rapidjson::Value& value, const std::string& key, LogRun* log) {
  if (value.IsObject()) {
    if (key.size() > kMaxTextBytes) return;
    for (const auto& member : value.GetObject()) {
      const std::string name(JsonText(member.name));
      AddSettings(member.value, key.empty() ? name : key + "." + name, log);
    }
  } else if (value.IsString()) {
    log->SetConfig(key, std::string(JsonText(value)));
  } else if (const auto number = JsonNumber(value)) {
    log->SetConfig(key, FormatRoundTrip(*number));
  }
}

}  // namespace sextant::importers
