// SPDX-License-Identifier: Apache-2.0
// Small string maps as JSON text, so that a person with a shell of the database can read and query them.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <map>
#include <string>
#include <string_view>

namespace sextant::storage::relational {

/// InvalidArgument unless `text` is UTF-8 without NUL: text functions and JSON of databases assume both.
/// `what` names it in the message.
absl::Status CheckText(const std::string& text, const std::string& what);

/// Checked strings only.
std::string ToJson(const std::map<std::string, std::string>& values);

/// As they stand in what ToJson writes: "text", and "key":"value".
std::string JsonString(const std::string& text);
std::string JsonMember(const std::string& key, const std::string& value);

/// DataLoss when the stored text is not what ToJson writes.
absl::Status FromJson(std::string_view json, std::map<std::string, std::string>& values);

}  // namespace sextant::storage::relational
