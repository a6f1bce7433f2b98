// SPDX-License-Identifier: Apache-2.0
// The hierarchical laws as an estimator: loss surface, cells' optima, posterior, decision.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/optimum/cells.h"
#include "fitting/optimum/hierarchical.h"
#include "fitting/optimum/joint_surface.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting::optimum {

/// Cells must be identifiable and their runs must record every axis of `axes`. Fills everything but the run
/// counts and ranges. The law is a decision: of least expected loss under the posterior of the optimum, over
/// the study's cells and places a natural logarithm (2.7 times) beyond them, by which it leans to the side
/// where a miss costs less. `posterior`, if given, is set to the laws' posterior. Replicates are draws from
/// the posterior: exponents, bends, a cell's deviation.
absl::StatusOr<OptimumFit> FitHierarchical(const std::vector<Cell>& cells, Axes axes,
                                           const OptimumOptions& options, const JointFit* surface = nullptr,
                                           std::optional<HierarchicalLaws>* posterior = nullptr);

}  // namespace sextant::fitting::optimum
