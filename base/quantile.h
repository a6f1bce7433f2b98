// SPDX-License-Identifier: Apache-2.0
// Quantiles of a short vector, linear between order statistics (Hyndman and Fan 1996, type 7).
#pragma once

#include <span>
#include <utility>
#include <vector>

namespace sextant {

/// The `q`-quantile, 0 <= q <= 1; NaN of nothing.
double Quantile(std::vector<double> values, double q);

/// The `p` and `1 - p` quantiles (0 < p < 0.5) of `values`, fast: a prediction takes them at every call.
/// Reorders nothing; `scratch` is grown as needed. NaN if `values` is empty or holds a NaN. About 3 us for
/// 1000 values: only the two tails are selected from.
std::pair<double, double> TailQuantiles(std::span<const double> values, double p,
                                        std::vector<double>& scratch);

}  // namespace sextant
