// SPDX-License-Identifier: Apache-2.0
// Minimum of a function of one variable.
#pragma once

#include <cmath>

namespace sextant::fitting::solve {

/// Golden-section search for the minimiser of a unimodal `f` on [low, high], to `tolerance` in x.
template <typename Function>
double GoldenSection(Function f, double low, double high, double tolerance) {
  constexpr double kRatio = 0.6180339887498949;
  double left = high - kRatio * (high - low), right = low + kRatio * (high - low);
  double at_left = f(left), at_right = f(right);
  while (high - low > tolerance) {
    if (at_left <= at_right) {
      high = right;
      right = left;
      at_right = at_left;
      left = high - kRatio * (high - low);
      at_left = f(left);
    } else {
      low = left;
      left = right;
      at_left = at_right;
      right = low + kRatio * (high - low);
      at_right = f(right);
    }
    if (!(left > low && right < high)) break;  // out of digits
  }
  return 0.5 * (low + high);
}

}  // namespace sextant::fitting::solve
