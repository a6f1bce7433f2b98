// SPDX-License-Identifier: Apache-2.0
// Page tokens: opaque to clients, bound to the request that they continue.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

namespace sextant::server {

/// A token that carries `key` and is only accepted with the same `arguments` (everything in the request but
/// the page size). "" for an empty key: the end.
std::string MakePageToken(const std::vector<std::string>& arguments, const std::string& key);

/// The key of a token; "" for "". InvalidArgument if it was not made by MakePageToken for these arguments.
absl::StatusOr<std::string> ReadPageToken(const std::vector<std::string>& arguments,
                                          const std::string& token);

/// The page size to use: `asked` capped at `most`, `standard` for 0. InvalidArgument below 0.
absl::StatusOr<int> PageSize(int asked, int standard, int most);

}  // namespace sextant::server
