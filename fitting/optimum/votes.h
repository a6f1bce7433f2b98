// SPDX-License-Identifier: Apache-2.0
// Estimators in which each cell's runs vote on where its optimum is, and the law is fitted to the votes.
#pragma once

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/optimum/bootstrap.h"
#include "fitting/optimum/log_linear.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting::optimum {

/// Appends one cell's votes to `points`; returns how many distinct runs stand behind them.
using VoteRule = std::function<int(const DrawnCell& cell, std::vector<LogPoint>& points)>;

/// All runs whose loss is within `band` (relative) of the cell's best, one vote each: the procedure of
/// DeepSeek LLM (2401.02954, section 3.1) and Step Law (2503.04715). With `band` = 0 only the best run votes
/// (grid arg-min).
VoteRule BandVotes(const OptimumOptions& options, double band);

/// All runs, weighted with exp(-excess / band); a cell's weights sum to 1.
VoteRule SoftBandVotes(const OptimumOptions& options, double band);

/// One vote a cell: the vertex of a robust quadratic of ln loss in the swept ones of (ln rate, ln batch)
/// through the runs within 2 % of the best. A vertex counts only if the quadratic has a minimum, inside the
/// range of those runs, and the cell's best run is not on the edge of its grid; otherwise the cell's
/// near-optimal band votes in its place, with half the weight.
VoteRule QuadraticVotes(const OptimumOptions& options, double band);

/// Least squares of ln target over the votes, by Ceres; replicates by hierarchical bootstrap with the votes
/// taken anew in each, so that the noise of the selection counts. `cells` must be identifiable; fills
/// everything but the run counts and ranges.
absl::StatusOr<OptimumFit> FitByVotes(const std::vector<Cell>& cells, const OptimumOptions& options,
                                      const VoteRule& rule);

}  // namespace sextant::fitting::optimum
