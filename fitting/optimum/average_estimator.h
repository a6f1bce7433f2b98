// SPDX-License-Identifier: Apache-2.0
// The average of the estimators that see all runs: what forms of model agree on, and how far they do not.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "fitting/optimum/cells.h"
#include "fitting/optimum/joint_surface.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting::optimum {

/// The mean of the laws of `hierarchical`, `regret` and `band`, which is a law of the same form. The first
/// two have weights that are the same for every study: with the handful of held-out cells that a study has,
/// weights of its own are noise. Between them and `band`, which knows no bowl, weights are the inverses of
/// the variances, of the laws' posterior and of the band's bootstrap, moved by what the study's own runs say.
/// Replicates are those of the members, as many of each as its weight, so that intervals hold the
/// disagreement of the forms, widened by what laws of this form miss (form_spread.h). Same needs as FitJoint.
/// `members` lists the three.
absl::StatusOr<OptimumFit> FitAverage(const std::vector<Cell>& cells, Axes axes,
                                      const OptimumOptions& options);

}  // namespace sextant::fitting::optimum
