// SPDX-License-Identifier: Apache-2.0
// The search for the optimum of a law with min or max.
#pragma once

#include <absl/status/status.h>

#include <memory>

#include "fitting/least_squares/branches.h"
#include "fitting/least_squares/fit_law.h"
#include "fitting/least_squares/independent_search.h"

namespace sextant::fitting::solve {

struct KinkedSearch {
  int assignments = 0;  ///< of rows to branches that were fitted
  int maps = 0;         ///< ways of walking the parameters that were searched
  IndependentSearch independent;
};

/// Starts in every branch, polished, and then the independent search: once as the parameters are walked (the
/// map of `evaluator`), once with every amplitude walked by its logarithm and once with every parameter, as
/// far as bounds allow: a user who knows no scale gives no transform. `search` takes all minima, in the
/// coordinates of `evaluator`. Deterministic.
absl::Status SearchKinked(const std::shared_ptr<const Law>& law, const BranchedLaw& branched,
                          const LawData& data, Evaluator& evaluator, const Objective& objective,
                          const SolveOptions& options, const StopCheck& stop, Search& search,
                          KinkedSearch& found);

}  // namespace sextant::fitting::solve
