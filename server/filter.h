// SPDX-License-Identifier: Apache-2.0
// Filters in the language of AIP-160, as storage conditions.
//
//   filter     = sequence { AND sequence }            (terms side by side mean AND too)
//   sequence   = term { OR term }                     OR binds tighter than AND
//   term       = [NOT | -] ( "(" filter ")" | comparison )
//   comparison = field ( = | != | < | <= | > | >= | : ) value
//
// Fields are those of Run, what the study declares (`declared`), `tags.KEY`, and `labels` (with `:` or `=`).
// `field:*` asks whether a value is known. Text is quoted with " or ' when it holds anything but letters,
// digits and ._-+/@~. Numbers may carry K, M, B, T or 2^k.
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <vector>

#include "storage/snapshot.h"

namespace sextant::server {

/// The conditions that a run must meet, all of them; none for an empty filter.
/// InvalidArgument (reason INVALID_FILTER) names `request_field`, the position (1-based byte) and what is
/// allowed there.
absl::StatusOr<std::vector<storage::Condition>> ParseRunFilter(
    const std::string& filter, const std::string& request_field = "filter",
    std::span<const storage::DeclaredColumn> declared = {});

/// "tokens desc" and the like as (storage field, descending); "" gives "" (by id).
struct RunOrder {
  std::string field;
  bool descending = false;
};
absl::StatusOr<RunOrder> ParseRunOrder(const std::string& order_by,
                                       std::span<const storage::DeclaredColumn> declared = {});

}  // namespace sextant::server
