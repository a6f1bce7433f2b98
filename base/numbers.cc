// SPDX-License-Identifier: Apache-2.0
#include "base/numbers.h"

#include <charconv>
#include <cmath>

namespace sextant {
namespace {

std::optional<double> ParsePlain(const std::string& text) {
  double value = 0;
  const char* begin = text.data() + (text.size() > 1 && text[0] == '+' && text[1] != '-' ? 1 : 0);
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The power of ten that a suffix stands for, 0 if it is none.
int SuffixExponent(char suffix) {
  switch (suffix) {
    case 'k':
    case 'K':
      return 3;
    case 'm':
    case 'M':
      return 6;
    case 'b':
    case 'B':
    case 'g':
    case 'G':
      return 9;
    case 't':
    case 'T':
      return 12;
    case 'p':
    case 'P':
      return 15;
    default:
      return 0;
  }
}

}  // namespace

std::optional<double> ParseNumber(const std::string& text) {
  if (text.empty() || text.size() > 64) return std::nullopt;
  std::optional<double> value;
  if (const std::size_t caret = text.find('^'); caret != std::string::npos) {
    const auto base = ParsePlain(text.substr(0, caret));
    const auto exponent = ParsePlain(text.substr(caret + 1));
    if (!base || !exponent) return std::nullopt;
    value = std::pow(*base, *exponent);
  } else if (const int exponent = SuffixExponent(text.back()); exponent > 0) {
    // Read as one decimal number, so that 1.4T is the double nearest to 1.4e12.
    const std::string mantissa = text.substr(0, text.size() - 1);
    if (!ParsePlain(mantissa)) return std::nullopt;
    value = mantissa.find_first_of("eE") == std::string::npos
                ? ParsePlain(mantissa + "e" + std::to_string(exponent))
                : *ParsePlain(mantissa) * std::pow(10.0, exponent);
  } else {
    value = ParsePlain(text);
  }
  if (!value || !std::isfinite(*value)) return std::nullopt;
  return value;
}

}  // namespace sextant
