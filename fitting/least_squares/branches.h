// SPDX-License-Identifier: Apache-2.0
// Laws with min and max: where to begin in every branch.
#pragma once

#include <absl/status/status.h>

#include <memory>
#include <optional>
#include <vector>

#include "fitting/law/law.h"
#include "fitting/least_squares/law_data.h"
#include "fitting/least_squares/objective.h"
#include "fitting/least_squares/parameter_map.h"
#include "fitting/least_squares/starts.h"

namespace sextant::fitting::solve {

/// A law whose every min and max over parameters is replaced by the sum of its arguments times one further
/// variable each: with 1 for one argument and (nearly) 0 for the others, the law as it is where that argument
/// is chosen. Smooth, so that it can be fitted as any other law.
struct BranchedLaw {
  std::shared_ptr<const Law> law;
  std::vector<int> arms;  ///< how many arguments each min or max has, in the order of the further variables
};

/// Nothing where the law has no min or max whose arguments depend on a parameter, or where the law so written
/// is refused (its variables are too many).
std::optional<BranchedLaw> SeparateBranches(const LawSpec& spec);

/// Starting points in walked coordinates, best first. Rows are assigned to branches in many ways: all to one,
/// or split by a threshold on a variable, a product or a ratio of two; the law of every assignment is fitted,
/// and what it finds is a start of the law itself. Deterministic. `assignments` takes how many were fitted.
/// An error only where `stop` says so.
absl::Status BranchStarts(const BranchedLaw& branched, const LawData& data, const ParameterMap& map,
                          const Objective& objective, std::uint64_t seed, const StopCheck& stop,
                          std::vector<std::vector<double>>& starts, int& assignments);

}  // namespace sextant::fitting::solve
