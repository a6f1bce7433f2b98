// SPDX-License-Identifier: Apache-2.0
// Overflow-safe pieces shared by the curve forms.
#ifndef SEXTANT_FITTING_CURVE_STABLE_MATH_H_
#define SEXTANT_FITTING_CURVE_STABLE_MATH_H_

#include <algorithm>
#include <cmath>

namespace sextant::fitting {

// ln(1 + e^z).
inline double Softplus(double z) { return std::max(z, 0.0) + std::log1p(std::exp(-std::fabs(z))); }
// 1 / (1 + e^-z).
inline double Logistic(double z) { return z >= 0 ? 1 / (1 + std::exp(-z)) : std::exp(z) / (1 + std::exp(z)); }
// ln(e^a + e^b).
inline double LogAdd(double a, double b) { return std::max(a, b) + std::log1p(std::exp(-std::fabs(a - b))); }

// The z with ln p - alpha ln(1 - p) = log_ratio where p = 1/(1 + e^-z): the heart of M4 (forms.h). Infinite
// when alpha is 0 and no p below 1 exists.
double SolveM4Logit(double log_ratio, double alpha);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_STABLE_MATH_H_
