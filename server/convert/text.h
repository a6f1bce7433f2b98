// SPDX-License-Identifier: Apache-2.0
// Checks on text that comes from outside.
#pragma once

#include <google/protobuf/map.h>

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "server/error.h"

namespace sextant::server {

/// Adds a violation if `value` is longer than `limit` bytes or holds control characters other than tab and
/// newline.
void CheckText(const std::string& field, const std::string& value, std::size_t limit,
               std::vector<FieldViolation>& violations);

/// The same for a map of keys and values: at most `entries`, keys 1 to `key_limit` bytes.
void CheckTextMap(const std::string& field, const google::protobuf::Map<std::string, std::string>& map,
                  std::size_t entries, std::size_t key_limit, std::size_t value_limit,
                  std::vector<FieldViolation>& violations);

}  // namespace sextant::server
