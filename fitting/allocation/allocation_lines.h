// SPDX-License-Identifier: Apache-2.0
// Shared by approaches 1 and 2: lines through optima and intervals from replicates.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "fitting/allocation/allocation.h"

namespace sextant::fitting::solve {

/// Least squares of ln y on ln C. nullopt with fewer than two distinct budgets.
std::optional<ComputePowerLaw> FitLine(std::span<const double> log_flops, std::span<const double> log_values);

/// Lines through `optima` into `fit`. FailedPrecondition when fewer than two budgets are left.
absl::Status FitLines(const std::vector<AllocationFit::Point>& optima, AllocationFit& fit);

/// Intervals of the exponents from `fit.replicates`.
void FillExponentIntervals(double level, AllocationFit& fit);

/// `value` with the percentile interval of `draws` (any order); no interval without draws.
IntervalEstimate WithInterval(double value, std::vector<double> draws, double level);

}  // namespace sextant::fitting::solve
