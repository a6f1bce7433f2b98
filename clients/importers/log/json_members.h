// Members of JSON objects as a log's settings and values; nested ones under dotted names.
#pragma once

#include <rapidjson/document.h>

#include <string>

#include "clients/importers/log/log_run.h"

namespace sextant::importers {

/// A setting for every text and number in `value`, under `key`, which may be empty.
void AddSettings(const rapidjson::Value& value, const std::string& key, LogRun* log);

}  // namespace sextant::importers
