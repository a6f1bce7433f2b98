// SPDX-License-Identifier: Apache-2.0
// Foreign JSON: NaN and Infinity allowed, nesting bounded.
#pragma once

#include <rapidjson/document.h>

#include <optional>
#include <string>
#include <string_view>

namespace sextant::importers {

/// Parses `text` in place of `document`. Returns what is wrong, with the byte, or empty.
std::string ParseJson(std::string_view text, rapidjson::Document* document);

/// The member, or null. `object` need not be an object.
const rapidjson::Value* FindMember(const rapidjson::Value& object, std::string_view key);
/// The member at a path with dots; a key that holds dots itself is found first.
const rapidjson::Value* FindPath(const rapidjson::Value& object, std::string_view path);

/// A number, or a string that is one ("NaN", "123"). Absent otherwise; null too.
std::optional<double> JsonNumber(const rapidjson::Value& value);
std::string_view JsonText(const rapidjson::Value& string);

}  // namespace sextant::importers
