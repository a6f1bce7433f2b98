// SPDX-License-Identifier: Apache-2.0
// Proto JSON as scripts read it.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <vector>

namespace sextant::cli {

/// Proto JSON with proto field names; zero counts and empty lists are printed, absent quantities are not.
/// With `fields`, only those members, in that order. No line end.
std::string ToJson(const google::protobuf::Message& message, bool indent,
                   const std::vector<std::string>& fields);

/// `text` as a JSON string, with its quotes.
std::string QuotedJson(const std::string& text);

}  // namespace sextant::cli
