// SPDX-License-Identifier: Apache-2.0
// Text of strangers, for terminals, tables and logs.
#pragma once

#include <string>
#include <string_view>

namespace sextant {

/// `text` as one line that shows what is in it: controls (C0, DEL, C1, line and paragraph separators), marks
/// that change the direction of text or cannot be seen (bidirectional controls, zero-width spaces, byte order
/// marks, tags), and bytes that are no UTF-8 as \xHH or \u{HHHH}. Everything else is unchanged.
std::string Printable(std::string_view text);

}  // namespace sextant
