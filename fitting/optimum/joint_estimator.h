// SPDX-License-Identifier: Apache-2.0
// Estimators that see all runs of a study at once: the joint surface, and laws of least expected regret.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "fitting/optimum/cells.h"
#include "fitting/optimum/joint_surface.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting::optimum {

enum class JointKind : std::uint8_t {
  kSurface,  ///< the law is the joint surface's own optimum
  kRegret,   ///< the law of least expected regret over surface plus per-cell deviations, hedged (see hedge.h)
};

/// Which axes the cells sweep: the target always, its partner if at least a third of the cells sweep it.
Axes SweptAxes(const std::vector<Cell>& cells, OptimumTarget target);

/// Whether cells hold enough runs for a joint surface: beside one a cell, which its level takes, twice as
/// many as the laws have parameters.
bool EnoughForSurface(const std::vector<Cell>& cells, Axes axes);

/// Cells must be identifiable and their runs must record every axis of `axes`. Fills everything but the run
/// counts and ranges. Replicates: hierarchical bootstrap of cells and runs; what cells of one N share, and
/// the priors' means, are drawn anew in each, so that exponents the design leaves open vary as published ones
/// do.
absl::StatusOr<OptimumFit> FitJoint(const std::vector<Cell>& cells, Axes axes, const OptimumOptions& options,
                                    JointKind kind, const JointFit* surface = nullptr);

/// The joint surface of the cells' runs near their best, from several starts: what FitJoint fits when it is
/// given none.
absl::StatusOr<JointFit> FitStudySurface(const std::vector<Cell>& cells, Axes axes);

}  // namespace sextant::fitting::optimum
