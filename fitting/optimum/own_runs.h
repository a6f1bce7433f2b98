// SPDX-License-Identifier: Apache-2.0
// A law checked against the runs that it was fitted to.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/optimum/cells.h"
#include "fitting/optimum/joint_surface.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting::optimum {

/// Relative excess loss, one a cell, of the run that was tried nearest to what `fit` recommends there, over
/// the cell's best; at most 1. The partner is at what a fit with a loss surface recommends for it; for others
/// it is at its best among the runs nearest in the target.
std::vector<double> NearestRunExcess(const std::vector<Cell>& cells, Axes axes, const OptimumFit& fit);

/// Whether the runs nearest to `fit` cost enough that Contradiction could find a reason.
bool MayContradict(const std::vector<Cell>& cells, Axes axes, const OptimumFit& fit);

/// Why `fit` contradicts the runs beside it, when `simpler` does not: nearest runs cost more by two standard
/// errors over the cells, by 2 % of loss (0.1 % where one axis is swept) and by five times what they cost
/// along the simpler law. Empty when it does not.
std::string Contradiction(const std::vector<Cell>& cells, Axes axes, const OptimumFit& fit,
                          const OptimumFit& simpler);

}  // namespace sextant::fitting::optimum
