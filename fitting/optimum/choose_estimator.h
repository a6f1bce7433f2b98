// SPDX-License-Identifier: Apache-2.0
// The default estimator of a study, by evidence on the study itself.
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

/// One rule for every study. Laws of least expected regret are the default; another candidate (joint surface,
/// near-optimal band) replaces them only where held-out cells show it better by more than two standard errors
/// and by more than 0.015 % of loss, the level of single-run noise: choosing the lowest of several noisy
/// means is how a lucky estimator gets picked. Evidence is leave-one-N-out, with three N or more; with fewer,
/// held-out cells would only test interpolation, and the default stands. Studies too thin for a joint
/// surface get the near-optimal band.
absl::StatusOr<EstimatorChoice> ChooseEstimator(const RunTable& runs, const std::vector<Cell>& cells,
                                                Axes axes, const OptimumOptions& options);

}  // namespace sextant::fitting::optimum
