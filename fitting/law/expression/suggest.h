// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the closest of a list of names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sextant::fitting::expression {

/// The candidate nearest to `name` by edits (case counts half), or "" when none is close. Bounded work.
std::string ClosestName(std::string_view name, const std::vector<std::string>& candidates);

/// "; did you mean 'x'?" or "".
std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace sextant::fitting::expression
