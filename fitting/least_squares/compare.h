// SPDX-License-Identifier: Apache-2.0
// Ranks laws on the same data.
#pragma once

#include <absl/status/status.h>

#include <memory>
#include <vector>

#include "fitting/least_squares/fit_law.h"

namespace sextant::fitting {

/// How one law did. `fit` is of all rows; `held_out` comes from a second fit that did not see the largest
/// scales.
struct LawComparison {
  std::shared_ptr<const Law> law;
  absl::Status status;  ///< why this law could not be fitted; the numbers below then mean nothing
  FitResult fit;
  HoldoutScore held_out;
  double aic = 0, bic = 0;  ///< comparable between laws of one comparison: same rows, same objective
  int rank_by_held_out = 0, rank_by_aic = 0, rank_by_bic = 0;  ///< 1 is best; 0: not ranked
};

/// Fits every law to `data` twice (all rows; without the largest `held_out_fraction`, see SplitLargestScales)
/// under one objective and returns them best first by held-out mean relative error, laws that failed last.
/// Columns of `data` are those of every law: all must have the same variables in the same order (else
/// InvalidArgument in that law's status). Without an objective in `options`, huber:1e-3 for all.
std::vector<LawComparison> CompareLaws(const std::vector<std::shared_ptr<const Law>>& laws,
                                       const LawData& data, const SolveOptions& options,
                                       double held_out_fraction = 0.2);

}  // namespace sextant::fitting
