// SPDX-License-Identifier: Apache-2.0
// What a law misses because optima are no power laws of just this form: what the runs of one study cannot
// show, learned over studies.
#pragma once

#include <vector>

#include "fitting/optimum/cells.h"
#include "fitting/optimum/joint_surface.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting::optimum {

/// What of a design says how far laws miss.
struct FormDesign {
  double step = 0;  ///< ln of the grid's step about the cells' best runs, the median over cells
  int models = 1;   ///< distinct N
};
FormDesign FormDesignOf(const std::vector<Cell>& cells, OptimumTarget target, double grouping_tolerance);

/// Draws, for each replicate of `fit`, how far a run's optimum lies from a law that was found from these
/// cells beyond what the replicates know: a share of the grid's step, a deviation that shrinks with the
/// number of distinct N, and slopes that act beyond the fitted range of N and D. Heavy-tailed: one Student-t
/// of five degrees of freedom for all of a replicate. Adds to the columns `offset`, `partner_offset`,
/// `beyond.*` and `partner_beyond.*` where the fit has them; the same at any number of threads.
void AddFormSpread(const std::vector<Cell>& cells, const OptimumOptions& options, OptimumFit& fit);

/// ln of how far a value lies outside a fitted range, 0 inside it and where the range is not known.
double BeyondRange(const FittedRange& range, double log_value);

}  // namespace sextant::fitting::optimum
