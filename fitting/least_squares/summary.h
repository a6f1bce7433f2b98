// SPDX-License-Identifier: Apache-2.0
// Turns a search and its replicates into a FitResult.
#pragma once

#include <span>
#include <vector>

#include "fitting/fit_result.h"
#include "fitting/least_squares/fit_law.h"
#include "fitting/least_squares/replicates.h"

namespace sextant::fitting::solve {

/// The `share` quantile of `sorted` values, linear between neighbours (Hyndman and Fan 1996, type 7).
double SortedQuantile(std::span<const double> sorted, double share);

/// Any point inside the bounds at which a law is likely to be finite.
std::vector<double> ProbePoint(const LawSpec& spec, const ParameterMap& map);

/// Fills estimates, intervals, correlations, condition, influence, sensitivity, criteria and warnings.
void Summarise(const Law& law, const LawData& data, const SolveOptions& options, const Objective& objective,
               Polisher& polisher, const Search& search, const ReplicateFits& replicates,
               const StopCheck& stop, FitResult& result);

}  // namespace sextant::fitting::solve
