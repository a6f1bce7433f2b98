// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/rows/page_key.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <bit>

namespace sextant::storage::relational {

absl::Status CheckPageLimit(std::int64_t limit) {
  constexpr std::int64_t kMaxPage = 100'000;
  if (limit >= 1 && limit <= kMaxPage) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a page has 1 to ", kMaxPage, " items, not ", limit));
}

// One letter for the type, the value, a colon, the id. Numbers are the hexadecimal bits of the value, so that
// they come back exactly; a text is its length in bytes, a colon and itself.
std::string EncodePageKey(const PageKey& key) {
  std::string text = "u:";
  if (const auto* integer = std::get_if<std::int64_t>(&key.value)) {
    text = absl::StrCat("i", absl::Hex(static_cast<std::uint64_t>(*integer)), ":");
  } else if (const auto* real = std::get_if<double>(&key.value)) {
    text = absl::StrCat("r", absl::Hex(std::bit_cast<std::uint64_t>(*real)), ":");
  } else if (const auto* string = std::get_if<std::string>(&key.value)) {
    text = absl::StrCat("t", absl::Hex(string->size()), ":", *string);
  }
  return text + key.id;
}

absl::StatusOr<PageKey> DecodePageKey(const std::string& text) {
  const absl::Status invalid =
      absl::InvalidArgumentError("the page token is not from this listing: start again without one");
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0) return invalid;
  PageKey key;
  std::size_t rest = colon + 1;
  if (text[0] == 'u') {
    if (colon != 1) return invalid;
  } else {
    std::uint64_t bits = 0;
    if (colon > 17 || !absl::SimpleHexAtoi(text.substr(1, colon - 1), &bits)) return invalid;
    if (text[0] == 'i') {
      key.value = static_cast<std::int64_t>(bits);
    } else if (text[0] == 'r') {
      key.value = std::bit_cast<double>(bits);
    } else if (text[0] == 't' && bits <= text.size() - rest) {
      key.value = text.substr(rest, bits);
      rest += bits;
    } else {
      return invalid;
    }
  }
  key.id = text.substr(rest);
  return key;
}

}  // namespace sextant::storage::relational
