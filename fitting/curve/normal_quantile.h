// SPDX-License-Identifier: Apache-2.0
// The inverse of the standard normal distribution function.
#ifndef SEXTANT_FITTING_CURVE_NORMAL_QUANTILE_H_
#define SEXTANT_FITTING_CURVE_NORMAL_QUANTILE_H_

#include <cmath>

namespace sextant::fitting {

// Newton's method on erfc from a logistic start; p in (0, 1), exact to about 1e-14.
inline double NormalQuantile(double p) {
  double z = std::log(p / (1 - p)) / 1.702;
  for (int i = 0; i < 60; ++i) {
    const double density = std::exp(-0.5 * z * z) / std::sqrt(2 * 3.141592653589793);
    const double error = 0.5 * std::erfc(-z / std::sqrt(2.0)) - p;
    const double step = error / std::fmax(density, 1e-300);
    z -= std::fmax(-1.0, std::fmin(1.0, step));
    if (std::fabs(step) < 1e-14 * (1 + std::fabs(z))) break;
  }
  return z;
}

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_NORMAL_QUANTILE_H_
