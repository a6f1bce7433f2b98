// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/printable.h"
#include "clients/importers/limits.h"

namespace sextant::importers {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v'; }

// Bytes of the valid UTF-8 sequence at `at`, or 0.
std::size_t SequenceBytes(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return 1;
  std::size_t bytes = 0;
  std::uint32_t code = 0;
  if ((lead & 0xE0) == 0xC0) {
    bytes = 2;
    code = lead & 0x1F;
  } else if ((lead & 0xF0) == 0xE0) {
    bytes = 3;
    code = lead & 0x0F;
  } else if ((lead & 0xF8) == 0xF0) {
    bytes = 4;
    code = lead & 0x07;
  } else {
    return 0;
  }
  if (at + bytes > text.size()) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
    code = (code << 6) | (byte(at + i) & 0x3F);
  }
  static constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[bytes] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return 0;
  return bytes;
}

}  // namespace

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

std::string ToLower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::optional<double> ParseDouble(std::string_view text) {
  text = Trim(text);
  if (text.size() > 1 && text.front() == '+' && text[1] != '-' && text[1] != '+') text.remove_prefix(1);
  if (text.empty() || text.size() > 400) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) return std::nullopt;
  // from_chars leaves the value alone beyond the range; strtod says which end it is.
  if (error == std::errc::result_out_of_range) value = std::strtod(std::string(text).c_str(), nullptr);
  return value;
}

std::optional<std::int64_t> StepOf(std::optional<double> number) {
  if (!number || !(*number >= 0 && *number <= static_cast<double>(kMaxStep))) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

std::optional<std::int64_t> ParseInt64(std::string_view text) {
  text = Trim(text);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string FormatRoundTrip(double value) {
  if (std::isnan(value)) return "nan";
  char buffer[40];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return error == std::errc() ? std::string(buffer, end) : std::string("?");
}

bool IsValidUtf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = SequenceBytes(text, at);
    if (bytes == 0) return false;
    at += bytes;
  }
  return true;
}

std::string Quoted(std::string_view text, std::size_t max_bytes) {
  const bool cut = text.size() > max_bytes;
  return "'" + sextant::Printable(text.substr(0, max_bytes)) + (cut ? "…'" : "'");
}

}  // namespace sextant::importers
