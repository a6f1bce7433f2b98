// SPDX-License-Identifier: Apache-2.0
// A learning curve as the estimators of extrapolation see it: in logarithms, sorted, binned, about its last
// point.
#ifndef SEXTANT_FITTING_CURVE_LOG_CURVE_H_
#define SEXTANT_FITTING_CURVE_LOG_CURVE_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sextant::fitting {

// A curve in normalised logarithms: u = ln(x / x_last), v = ln(y / y_last), ascending u, with weights.
struct LogCurve {
  std::vector<double> u, v, weight;
  double log_x = 0, log_y = 0;  // of the reference point
  double noise = 0;             // sd of v about a smooth curve, from second differences
};

// Sd of v about a smooth curve, from how far each point lies off the line through its neighbours. Points
// count by `trust` in (0, 1]. Three points at least, u ascending.
double CurveNoise(std::span<const double> u, std::span<const double> v, std::span<const double> trust);

// From raw points in any order. Points that are not positive and finite are dropped with a warning; points
// that share an x, and points crowded closer than a bin, are averaged. `used` takes the number of usable
// points. FailedPrecondition: fewer than three distinct x.
absl::StatusOr<LogCurve> PrepareLogCurve(std::span<const double> x, std::span<const double> y, size_t& used,
                                         std::vector<std::string>& warnings);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_LOG_CURVE_H_
