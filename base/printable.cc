// SPDX-License-Identifier: Apache-2.0
#include "base/printable.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace sextant {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t bytes = 0;  // 0: no UTF-8
};

/// What `text` begins with; refuses overlong forms, surrogates and what is past U+10FFFF (RFC 3629).
CodePoint First(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return {};
  std::uint32_t value = lead & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3FU);
  }
  constexpr std::array<std::uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[bytes] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {};
  return {value, bytes};
}

struct Span {
  std::uint32_t first, last;
};

// Unicode 15: C0 and C1 controls; soft hyphen, Arabic letter mark, Mongolian vowel separator; zero-width
// space and direction marks (joiners stay: scripts need them); line and paragraph separators and embeddings;
// invisible operators and isolates; byte order mark; interlinear annotation; tags.
constexpr std::array<Span, 13> kHidden = {{{0x00, 0x1F},
                                           {0x7F, 0x9F},
                                           {0xAD, 0xAD},
                                           {0x61C, 0x61C},
                                           {0x180E, 0x180E},
                                           {0x200B, 0x200B},
                                           {0x200E, 0x200F},
                                           {0x2028, 0x202E},
                                           {0x2060, 0x206F},
                                           {0xFEFF, 0xFEFF},
                                           {0xFFF9, 0xFFFB},
                                           {0xE0000, 0xE007F},
                                           {0xFFFE, 0xFFFF}}};

bool IsHidden(std::uint32_t value) {
  return std::any_of(kHidden.begin(), kHidden.end(),
                     [value](const Span& span) { return value >= span.first && value <= span.last; });
}

void AppendEscape(std::uint32_t value, bool is_byte, std::string& out) {
  char escape[16];
  std::snprintf(escape, sizeof(escape), is_byte ? "\\x%02x" : "\\u{%x}", value);
  out += escape;
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint first = First(text);
    const std::size_t bytes = std::max<std::size_t>(1, first.bytes);
    if (first.bytes == 0 || first.value < 0x20 || first.value == 0x7F) {
      AppendEscape(static_cast<unsigned char>(text[0]), true, out);
    } else if (IsHidden(first.value)) {
      AppendEscape(first.value, false, out);
    } else {
      out.append(text.substr(0, bytes));
    }
    text.remove_prefix(bytes);
  }
  return out;
}

}  // namespace sextant
