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

/// How much further (a factor of at least 1) the optima scatter about `line` than noise alone would have
/// them, by AllocationFit::optimum_errors (Birge 1932).
double ScatterBeyondNoise(const AllocationFit& fit, const ComputePowerLaw& line,
                          double AllocationFit::Point::*column);

/// Adds a replicate to `fit`: its own lines less what `drawn` is away from `about`, the lines that it was
/// drawn around, widened by two factors. Reflected (Davison and Hinkley 1997, basic bootstrap): a bias that
/// draws show is taken off.
void AddReplicate(const AllocationFit& drawn, const AllocationFit& about, double params_wider,
                  double tokens_wider, AllocationFit& fit);

/// Standard deviation; 0 of fewer than two.
double Deviation(std::span<const double> values);

/// `value` with the percentile interval of `draws` (any order); no interval without draws.
IntervalEstimate WithInterval(double value, std::vector<double> draws, double level);

}  // namespace sextant::fitting::solve
