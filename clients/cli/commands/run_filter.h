// SPDX-License-Identifier: Apache-2.0
// Text as the filter language takes it.
#pragma once

#include <string>

namespace sextant::cli {

/// `text` in double quotes, with quotes and backslashes escaped.
inline std::string QuotedForFilter(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace sextant::cli
