// SPDX-License-Identifier: Apache-2.0
// When "auto" does not trust the average of estimators that see all runs.
#pragma once

#include <string>
#include <vector>

#include "fitting/optimum/cells.h"
#include "fitting/optimum/joint_surface.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting::optimum {

/// Why the near-optimal band stands in for `average`, for a warning: its law contradicts the runs beside it
/// (own_runs.h), or its interval in the middle of the sweep spans more than 2.5 decades and that of the band
/// does not. Empty otherwise. Both fits know their target, variables and ranges.
std::string WhyBand(const std::vector<Cell>& cells, Axes axes, const OptimumFit& average,
                    const OptimumFit& band);

/// Whether WhyBand could be other than empty: spares the band's replicates.
bool MayNeedBand(const std::vector<Cell>& cells, Axes axes, const OptimumFit& average);

/// Decades that the 90 % interval spans in the middle of the cells; 0 without replicates.
double DecadesInMiddle(const std::vector<Cell>& cells, const OptimumFit& fit);

/// A warning where what `fit` recommends lies within a twentieth of an end of its own near-optimal band, or
/// beyond it, at most of the cells and of the places one natural logarithm beyond them: its hedge or its
/// members differ from its surface by as much as a miss may cost. Empty otherwise, and without a surface.
std::string AtEndOfOwnBand(const std::vector<Cell>& cells, const OptimumFit& fit);

/// An interval of more decades says nothing that a user does not know.
inline constexpr double kMostDecades = 2.5;

}  // namespace sextant::fitting::optimum
