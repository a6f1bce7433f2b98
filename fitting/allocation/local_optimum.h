// SPDX-License-Identifier: Apache-2.0
// Where the loss is least among a few sizes of one budget. Shared by approaches 1 and 2.
#pragma once

#include <optional>
#include <span>
#include <utility>

namespace sextant::fitting::solve {

/// The minimum of a local cubic (with three points a parabola), and what the points leave of it.
struct LocalOptimum {
  double place = 0;
  double squares = 0;  ///< sum of squared residuals of the points used
  int free = 0;        ///< their degrees of freedom
  /// Rise of the loss from the lowest point to the lower of the two outermost ones.
  double rise = 0;
};

/// `points` are (x, loss) with distinct ascending x. Through the five points about the lowest loss and all
/// within a factor e^`near` of it. Nothing where the lowest loss lies at an end, or the cubic has no minimum
/// next to it. Over the full width the curve is no parabola: one biases the exponent by up to 0.08 where a
/// local search is within 0.02 (docs/fitting.md).
std::optional<LocalOptimum> FindLocalOptimum(std::span<const std::pair<double, double>> points);

}  // namespace sextant::fitting::solve
