// Where a page of runs ended, as an opaque text.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <variant>

namespace sextant::storage::sqlite {

/// The last run of a page: its id, and its value of the field that orders the listing (monostate: unknown, or
/// listed by id).
struct PageKey {
  std::variant<std::monostate, std::int64_t, double, std::string> value;
  std::string id;
};

std::string EncodePageKey(const PageKey& key);
/// InvalidArgument when the text was not made by EncodePageKey.
absl::StatusOr<PageKey> DecodePageKey(const std::string& text);

}  // namespace sextant::storage::sqlite
