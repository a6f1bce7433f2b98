// SPDX-License-Identifier: Apache-2.0
// How many more runs would tell two recipes apart.
#pragma once

#include <optional>

#include "fitting/comparison/floor_posterior.h"

namespace sextant::fitting::comparison {

/// Seeds of every cell (at most 64), and further budgets of both recipes at steps of 4 (at most 6), at which
/// the interval of coverage `interval` would leave a multiplier of `log_multiplier` out of 1.
struct MoreRuns {
  std::optional<int> seeds, rungs;
};
MoreRuns RunsToTell(const PosteriorProblem& problem, const Posterior& posterior, double log_multiplier,
                    double interval);

}  // namespace sextant::fitting::comparison
