// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/log_forms.h"

#include <algorithm>
#include <cmath>

#include "fitting/curve/stable_math.h"

namespace sextant::fitting {
namespace {

constexpr double kNoFloor = -14;  // ln of a floor that is as good as none
constexpr double kSteepest = 12;  // exponents are kept in [0, kSteepest]

struct LineFit {
  double intercept = 0, slope = 0;
};
// Least squares of ln(y - floor) on a feature of u.
template <typename Feature>
LineFit FitLine(const LogCurve& curve, double floor, Feature feature) {
  double w = 0, f = 0, t = 0, ff = 0, ft = 0;
  for (size_t i = 0; i < curve.u.size(); ++i) {
    const double y = std::exp(curve.v[i]), x = feature(curve.u[i]),
                 target = std::log(std::max(y - floor, 1e-9));
    const double weight = curve.weight[i] * (1 - floor / y) * (1 - floor / y);
    w += weight;
    f += weight * x;
    t += weight * target;
    ff += weight * x * x;
    ft += weight * x * target;
  }
  const double spread = ff / w - f / w * f / w;
  const double slope = spread > 1e-12 ? (ft / w - f / w * t / w) / spread : 0;
  return {t / w - slope * f / w, slope};
}

double LeastY(const LogCurve& curve) { return std::exp(*std::min_element(curve.v.begin(), curve.v.end())); }

}  // namespace

LogForm::LogForm(CurveForm form, int breaks, const LogCurve& curve) : form_(form), breaks_(breaks) {
  largest_ = std::exp(*std::max_element(curve.v.begin(), curve.v.end()));
  const double top = std::log(largest_), begin = curve.u.front();
  switch (form) {
    case CurveForm::kM1:
      law_ = "curve-m1";
      lower_ = {-50, -kSteepest};
      upper_ = {50, kSteepest};
      break;
    case CurveForm::kM2:
      law_ = "curve-m2";
      lower_ = {-50, 0, kNoFloor};
      upper_ = {50, kSteepest, top};
      break;
    case CurveForm::kM3:
      law_ = "curve-m3";
      lower_ = {-50, 0, -16};
      upper_ = {50, kSteepest, 16};
      break;
    case CurveForm::kM4:
      law_ = "curve-m4";
      lower_ = {-50, 0, 1e-3, kNoFloor, std::log(largest_) - 9};
      upper_ = {50, kSteepest, 10, top - 1e-3, std::log(largest_) + 5};
      break;
    default:
      law_ = "curve-bnsl";
      lower_ = {kNoFloor, -50, -2};
      upper_ = {top, 50, kSteepest};
      for (int k = 0; k < breaks; ++k) {
        lower_.insert(lower_.end(), {-kSteepest, begin - 1, std::log(.03)});
        upper_.insert(upper_.end(), {kSteepest, 2.5, std::log(4.0)});
      }
  }
}

double LogForm::EvaluateM4(const double* p, double u, double* gradient) const {
  const double alpha = p[2], floor = std::exp(p[3]), gap = std::exp(p[4]);
  const double span = largest_ + gap - floor;
  const double log_span = std::log(span);
  const double z = SolveM4Logit(p[0] - p[1] * u - (1 - alpha) * log_span, alpha);
  // At the ceiling `below` underflows; its logarithm does not.
  const double above = span * Logistic(z), below = std::max(span * Logistic(-z), 1e-280);
  const double y = floor + above;
  if (gradient != nullptr) {
    const double scale = 1 / (1 / above + alpha / below) / y;
    gradient[0] = scale;
    gradient[1] = -u * scale;
    gradient[2] = (log_span - Softplus(z)) * scale;
    gradient[3] = floor / above * scale;
    gradient[4] = gap * alpha / below * scale;
  }
  return std::log(y);
}

double LogForm::EvaluateBroken(const double* p, double u, double* gradient) const {
  double rise = p[1] - p[2] * u;
  for (int k = 0; k < breaks_; ++k) {
    const double* b = p + 3 + 3 * k;
    const double f = std::exp(b[2]);
    rise -= b[0] * f * Softplus((u - b[1]) / f);
  }
  const double v = LogAdd(p[0], rise);
  if (gradient != nullptr) {
    const double share = std::exp(rise - v);
    gradient[0] = 1 - share;
    gradient[1] = share;
    gradient[2] = -u * share;
    for (int k = 0; k < breaks_; ++k) {
      const double* b = p + 3 + 3 * k;
      const double f = std::exp(b[2]), z = (u - b[1]) / f;
      gradient[3 + 3 * k] = -share * f * Softplus(z);
      gradient[4 + 3 * k] = share * b[0] * Logistic(z);
      gradient[5 + 3 * k] = -share * b[0] * f * (Softplus(z) - z * Logistic(z));
    }
  }
  return v;
}

double LogForm::Evaluate(const double* p, double u, double* gradient) const {
  switch (form_) {
    case CurveForm::kM1:
      if (gradient != nullptr) {
        gradient[0] = 1;
        gradient[1] = -u;
      }
      return p[0] - p[1] * u;
    case CurveForm::kM2: {
      const double rise = p[0] - p[1] * u, v = LogAdd(rise, p[2]);
      if (gradient != nullptr) {
        const double share = std::exp(rise - v);
        gradient[0] = share;
        gradient[1] = -u * share;
        gradient[2] = 1 - share;
      }
      return v;
    }
    case CurveForm::kM3: {
      const double log_sum = LogAdd(-u, p[2]);
      if (gradient != nullptr) {
        gradient[0] = 1;
        gradient[1] = log_sum;
        gradient[2] = p[1] * std::exp(p[2] - log_sum);
      }
      return p[0] + p[1] * log_sum;
    }
    case CurveForm::kM4:
      return EvaluateM4(p, u, gradient);
    default:
      return EvaluateBroken(p, u, gradient);
  }
}

DenseProblem LogForm::Problem(const LogCurve& curve, size_t points) const {
  DenseProblem problem;
  problem.residuals = static_cast<int>(points);
  problem.parameters = parameters();
  problem.lower = lower_;
  problem.upper = upper_;
  problem.evaluate = [this, &curve, points](const double* p, double* r, double* jacobian) {
    const int n = parameters();
    for (size_t i = 0; i < points; ++i) {
      double* row = jacobian == nullptr ? nullptr : jacobian + i * static_cast<size_t>(n);
      const double scale = std::sqrt(curve.weight[i]), v = Evaluate(p, curve.u[i], row);
      if (!std::isfinite(v)) return false;
      r[i] = scale * (v - curve.v[i]);
      for (int k = 0; row != nullptr && k < n; ++k) {
        if (!std::isfinite(row[k])) return false;
        row[k] *= scale;
      }
    }
    return true;
  };
  return problem;
}

std::vector<std::vector<double>> LogForm::Starts(const LogCurve& curve) const {
  std::vector<std::vector<double>> starts;
  const double least = LeastY(curve);
  const auto minus_u = [](double u) { return -u; };
  switch (form_) {
    case CurveForm::kM1: {
      const LineFit line = FitLine(curve, 0, minus_u);
      return {{line.intercept, line.slope}};
    }
    case CurveForm::kM2:
      for (double share : {.02, .3, .6, .8, .93}) {
        const LineFit line = FitLine(curve, share * least, minus_u);
        starts.push_back({line.intercept, std::max(line.slope, .01), std::log(share * least)});
      }
      break;
    case CurveForm::kM3:
      for (double gamma : {1e-3, .05, .3, 1.5, 10.0}) {
        const LineFit line = FitLine(curve, 0, [&](double u) { return LogAdd(-u, std::log(gamma)); });
        starts.push_back({line.intercept, std::max(line.slope, .01), std::log(gamma)});
      }
      break;
    case CurveForm::kM4:
      for (double alpha : {.05, .4, 1.0, 2.0}) {
        for (double share : {.02, .5, .85}) {
          const double gap = largest_ * .1, floor = share * least, top = largest_ + gap;
          double w = 0, f = 0, t = 0, ff = 0, ft = 0;
          for (size_t i = 0; i < curve.u.size(); ++i) {
            const double y = std::exp(curve.v[i]), u = curve.u[i];
            const double target = std::log(y - floor) - alpha * std::log(top - y);
            const double slope = y / (y - floor) + alpha * y / (top - y),
                         weight = curve.weight[i] / (slope * slope);
            w += weight;
            f += weight * u;
            t += weight * target;
            ff += weight * u * u;
            ft += weight * u * target;
          }
          const double slope = (ft / w - f / w * t / w) / std::max(ff / w - f / w * f / w, 1e-12);
          starts.push_back({t / w - slope * f / w, std::clamp(-slope, .01, kSteepest), alpha, std::log(floor),
                            std::log(gap)});
        }
      }
      break;
    default:
      for (double share : {.02, .6}) {
        const LineFit line = FitLine(curve, share * least, minus_u);
        if (breaks_ == 0) starts.push_back({std::log(share * least), line.intercept, line.slope});
        for (int place = 1; place <= 4 && breaks_ > 0; ++place) {
          std::vector<double> start = {std::log(share * least), line.intercept, line.slope};
          for (int k = 0; k < breaks_; ++k) {
            // Breaks in order, spread over the curve; the first sits at a different place in every start.
            const double at = curve.u.front() * (1 - (place / 5.0 + k * (1 - place / 5.0) / breaks_));
            start.insert(start.end(), {.05, at, std::log(.4)});
          }
          starts.push_back(std::move(start));
        }
      }
  }
  return starts;
}

std::vector<CurveParameter> LogForm::Named(const std::vector<double>& p, const LogCurve& curve) const {
  const double y = std::exp(curve.log_y);
  const auto beta = [&](double log_beta, double exponent) {
    return std::exp(log_beta + curve.log_y + exponent * curve.log_x);
  };
  switch (form_) {
    case CurveForm::kM1:
      return {{"beta", beta(p[0], p[1])}, {"c", -p[1]}};
    case CurveForm::kM2:
      return {{"beta", beta(p[0], p[1])}, {"c", -p[1]}, {"eps_inf", y * std::exp(p[2])}};
    case CurveForm::kM3:
      return {{"beta", beta(p[0], p[1])}, {"gamma", std::exp(p[2] - curve.log_x)}, {"c", p[1]}};
    case CurveForm::kM4:
      return {{"beta", std::exp(p[0] + (1 - p[2]) * curve.log_y + p[1] * curve.log_x)},
              {"c", -p[1]},
              {"alpha", p[2]},
              {"eps_inf", y * std::exp(p[3])},
              {"eps_0", y * (largest_ + std::exp(p[4]))}};
    default: {
      std::vector<CurveParameter> named = {{"a", y * std::exp(p[0])}, {"b", beta(p[1], p[2])}, {"c0", p[2]}};
      for (int k = 0; k < breaks_; ++k) {
        const std::string i = std::to_string(k + 1);
        named.push_back({"c" + i, p[3 + 3 * k]});
        named.push_back({"d" + i, std::exp(p[4 + 3 * k] + curve.log_x)});
        named.push_back({"f" + i, std::exp(p[5 + 3 * k])});
      }
      return named;
    }
  }
}

}  // namespace sextant::fitting
