// The fields of a Run that filters and orders name: what they are called in the API and in the store.
#pragma once

#include <string>

namespace sextant::server {

enum class RunFieldKind { kNumber, kText, kState };

struct RunField {
  const char* api;      ///< in sextant.v1.Run
  const char* storage;  ///< in storage::Condition and RunQuery
  RunFieldKind kind;
};

/// nullptr if there is no such field.
const RunField* FindRunField(const std::string& api_name);
/// All API names, for messages.
std::string RunFieldNames();

}  // namespace sextant::server
