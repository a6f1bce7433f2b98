// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/forms.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fitting/curve/stable_math.h"

namespace sextant::fitting {
namespace {
constexpr double kOutside = std::numeric_limits<double>::quiet_NaN();
}  // namespace

double CurveM1(double x, double beta, double c) { return beta * std::pow(x, c); }

double CurveM2(double x, double beta, double c, double eps_inf) { return beta * std::pow(x, c) + eps_inf; }

double CurveM3(double x, double beta, double gamma, double c) { return beta * std::pow(1.0 / x + gamma, c); }

double SolveM4Logit(double log_ratio, double alpha) {
  // g(z) = -softplus(-z) + alpha softplus(z) rises with slope between min(1, alpha) and max(1, alpha).
  if (alpha == 0 && log_ratio >= 0) return std::numeric_limits<double>::infinity();
  double z = log_ratio < 0 ? log_ratio : (alpha > 0 ? log_ratio / alpha : 0);
  if (alpha == 0) return log_ratio - std::log1p(-std::exp(log_ratio));
  double low = -std::numeric_limits<double>::infinity(), high = -low;
  for (int i = 0; i < 200; ++i) {
    // Softplus and logistic of z and -z from one exponential: this loop is most of what M4 costs.
    const double small = std::exp(-std::fabs(z)), log_sum = std::log1p(small);
    const double value = alpha * (std::max(z, 0.0) + log_sum) - (std::max(-z, 0.0) + log_sum) - log_ratio;
    if (value > 0) {
      high = z;
    } else {
      low = z;
    }
    const double step = value * (1 + small) / (z >= 0 ? small + alpha : 1 + alpha * small);
    // Newton's method doubles the digits: a step this small leaves an error below rounding.
    if (std::fabs(step) <= 1e-8 * (1 + std::fabs(z))) return z - step;
    double next = z - step;
    if (!(next >= low && next <= high)) next = 0.5 * (low + high);
    if (!std::isfinite(next)) next = z + (value > 0 ? -1 : 1);
    z = next;
  }
  return z;
}

double CurveM4(double x, double beta, double c, double alpha, double eps_inf, double eps_0,
               double* gradient) {
  if (!(x > 0) || !(beta > 0) || !(alpha >= 0) || !(eps_0 > eps_inf) || !std::isfinite(c)) return kOutside;
  const double span = eps_0 - eps_inf;
  const double log_x = std::log(x);
  // With p = (eps - eps_inf) / span = logistic(z): ln p - alpha ln(1 - p) = ln beta + c ln x - (1 - alpha) ln
  // span.
  const double log_ratio = std::log(beta) + c * log_x - (1 - alpha) * std::log(span);
  const double z = SolveM4Logit(log_ratio, alpha);
  const double p = Logistic(z);
  const double eps = eps_inf + span * p;
  if (gradient != nullptr) {
    // Differentiate ln(eps - eps_inf) - alpha ln(eps_0 - eps) - ln beta - c ln x = 0.
    const double above = span * p, below = span * Logistic(-z);
    const double slope = 1 / above + alpha / below;
    gradient[0] = 1 / beta / slope;
    gradient[1] = log_x / slope;
    gradient[2] = std::log(below) / slope;
    gradient[3] = 1 / above / slope;
    gradient[4] = alpha / below / slope;
  }
  return eps;
}

double CurveBnsl(double x, double a, double b, double c0, std::span<const CurveBreak> breaks) {
  if (!(x > 0)) return kOutside;
  const double log_x = std::log(x);
  double exponent = -c0 * log_x;
  for (const CurveBreak& k : breaks) {
    if (!(k.d > 0) || !(k.f > 0)) return kOutside;
    exponent -= k.c * k.f * Softplus((log_x - std::log(k.d)) / k.f);
  }
  return a + b * std::exp(exponent);
}

double CurveRectified(double x, double b, double d_l, double beta, double e) {
  return b / (d_l + std::pow(x, beta)) + e;
}

}  // namespace sextant::fitting
