// SPDX-License-Identifier: Apache-2.0
// Numbers as people write them: on command lines, in filters and in files of settings.
#pragma once

#include <optional>
#include <string>

namespace sextant {

/// "7e9", "7B", "1.4T", "512K", "2^20", "-3.5". Suffixes are decimal: K 1e3, M 1e6, B and G 1e9, T 1e12, P
/// 1e15, in either case. Finite only; absent for anything else.
std::optional<double> ParseNumber(const std::string& text);

}  // namespace sextant
