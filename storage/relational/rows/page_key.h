// SPDX-License-Identifier: Apache-2.0
// Pages of listings: how many items, and where one of runs ended, as an opaque text.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <variant>

namespace sextant::storage::relational {

/// InvalidArgument unless a page of `limit` items may be asked for: 1 to 100 000.
absl::Status CheckPageLimit(std::int64_t limit);

/// The last run of a page: its id, and its value of the field that orders the listing (monostate: unknown, or
/// listed by id).
struct PageKey {
  std::variant<std::monostate, std::int64_t, double, std::string> value;
  std::string id;
};

std::string EncodePageKey(const PageKey& key);
/// InvalidArgument when the text was not made by EncodePageKey.
absl::StatusOr<PageKey> DecodePageKey(const std::string& text);

}  // namespace sextant::storage::relational
