// SPDX-License-Identifier: Apache-2.0
#include "fitting/comparison/student.h"

#include <cmath>
#include <initializer_list>
#include <limits>

namespace sextant::fitting::comparison {
namespace {

// The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8), by Lentz's method.
double BetaFraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::fabs(d) < kTiny ? kTiny : d);
  double h = d;
  for (int m = 1; m <= 500; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    for (const double step : {even, odd}) {
      d = 1 + step * d;
      d = 1 / (std::fabs(d) < kTiny ? kTiny : d);
      c = 1 + step / (std::fabs(c) < kTiny ? kTiny : c);
      h *= d * c;
    }
    if (std::fabs(d * c - 1) < 1e-15) break;
  }
  return h;
}

// The regularised incomplete beta function I_x(a, b).
double Beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  return x < (a + 1) / (a + b + 2) ? front * BetaFraction(a, b, x) / a
                                   : 1 - front * BetaFraction(b, a, 1 - x) / b;
}

}  // namespace

double StudentQuantile(double p, double degrees) {
  if (p == 0.5) return 0;
  const double tail = 2 * (p < 0.5 ? p : 1 - p);
  // P(|t| > q) = I_{v/(v+q^2)}(v/2, 1/2) falls in q: bisection on ln q.
  double low = -30, high = 30;
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high), q = std::exp(middle);
    (Beta(degrees / 2, 0.5, degrees / (degrees + q * q)) > tail ? low : high) = middle;
  }
  const double q = std::exp(0.5 * (low + high));
  return p < 0.5 ? -q : q;
}

double FisherTail(double ratio, double above, double below) {
  if (!(ratio > 0)) return 1;
  return Beta(below / 2, above / 2, below / (below + above * ratio));
}

}  // namespace sextant::fitting::comparison
