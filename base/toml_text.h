// SPDX-License-Identifier: Apache-2.0
// Texts in TOML files that the programs write.
#pragma once

#include <string>
#include <string_view>

namespace sextant {

/// `text` as a TOML basic string, quotes included: quotes, backslashes and control characters are escaped.
std::string TomlString(std::string_view text);

}  // namespace sextant
