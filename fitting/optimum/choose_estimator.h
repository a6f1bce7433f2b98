// SPDX-License-Identifier: Apache-2.0
// The default estimator of a study.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/optimum/cells.h"
#include "fitting/optimum/joint_surface.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting::optimum {

struct EstimatorChoice {
  std::string estimator;
  std::vector<EstimatorWeight> candidates;  ///< with their held-out excess; weight 1 for the chosen one
  std::vector<std::string> warnings;
};

/// One rule for every study: the average of estimators that see all runs. The near-optimal band replaces it,
/// with a warning that says why, where the study has too few runs for a loss surface, where the average
/// cannot be fitted, where its law contradicts the runs beside it (own_runs.h), and where held-out N show the
/// band better by more than two standard errors, by 0.015 % of loss (the level of single-run noise) and by
/// half. Held-out scores need three N or more; with fewer, held-out cells would only test interpolation.
absl::StatusOr<EstimatorChoice> ChooseEstimator(const RunTable& runs, const std::vector<Cell>& cells,
                                                Axes axes, const OptimumOptions& options);

}  // namespace sextant::fitting::optimum
