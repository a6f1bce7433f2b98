// SPDX-License-Identifier: Apache-2.0
// Members of JSON objects as a log's settings and values; nested ones under dotted names.
#pragma once

#include <rapidjson/document.h>

#include <string>

#include "clients/importers/json.h"
#include "clients/importers/limits.h"
#include "clients/importers/log/log_run.h"

namespace sextant::importers {

/// Calls each(name, number) for every number in `value`, under `key`; numbers as text count.
template <class Each>
void ForEachNumber(const rapidjson::Value& value, const std::string& key, const Each& each) {
  if (value.IsObject()) {
    if (key.size() > kMaxTextBytes) return;
    for (const auto& member : value.GetObject()) {
      const std::string name(JsonText(member.name));
      ForEachNumber(member.value, key + "." + name, each);
    }
  } else if (const auto number = JsonNumber(value)) {
    each(key, *number);
  }
}

/// A setting for every text and number in `value`, under `key`, which may be empty.
void AddSettings(const rapidjson::Value& value, const std::string& key, LogRun* log);

}  // namespace sextant::importers
