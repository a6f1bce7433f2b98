// SPDX-License-Identifier: Apache-2.0
// The grid of forms behind FormAverage: each element a weighted linear regression.
#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "base/give_up.h"
#include "fitting/curve/form_average.h"
#include "fitting/curve/stable_math.h"

namespace sextant::fitting {
namespace {

constexpr std::array<double, 5> kAlphas = {0, .3, .8, 1.5, 2.5};
constexpr std::array<double, 8> kFloors = {0, .2, .4, .58, .72, .83, .91, .97};  // share of the least value
constexpr std::array<double, 5> kCeilings = {.03, .12, .4, 1.2, 5};  // above the greatest value, as a share
constexpr std::array<double, 8> kGammas = {0, .05, .12, .3, .7, 1.5, 4, 12};
constexpr std::array<double, 4> kBreakFloors = {0, .4, .7, .88};
constexpr std::array<double, 3> kSharpness = {.12, .4, 1.1};
constexpr int kBreakPlaces = 9;

}  // namespace

double GridElement::Predict(double at, const std::array<double, 3>& k) const {
  switch (family) {
    case GridFamily::kM3:
      return k[0] + k[1] * LogAdd(-at, fixed[0] > 0 ? std::log(fixed[0]) : -745.0);
    case GridFamily::kBreak: {
      const double rise = k[0] - k[1] * at - k[2] * fixed[2] * Softplus((at - fixed[1]) / fixed[2]);
      return fixed[0] > 0 ? LogAdd(rise, std::log(fixed[0])) : rise;
    }
    case GridFamily::kM4: {
      const double h = k[0] - k[1] * at;
      if (fixed[0] == 0) return fixed[1] > 0 ? LogAdd(h, std::log(fixed[1])) : h;
      const double span = fixed[2] - fixed[1];
      const double z = SolveM4Logit(h - (1 - fixed[0]) * std::log(span), fixed[0]);
      const double log_above = std::log(span) - Softplus(-z);
      return fixed[1] > 0 ? LogAdd(log_above, std::log(fixed[1])) : log_above;
    }
  }
  return 0;
}

// Weighted least squares of target = features . k, where a change of v by e changes the target by slope * e,
// so that residuals over slope are residuals of v.
template <int kColumns>
void FormAverage::AddElement(GridFamily family, std::array<double, 3> fixed, const double* features,
                             const double* target, const double* slope, double log_prior) {
  using Matrix = Eigen::Matrix<double, kColumns, kColumns>;
  using Vector = Eigen::Matrix<double, kColumns, 1>;
  const LogCurve& curve = *curve_;
  const size_t n = curve.u.size();
  Matrix normal = Matrix::Zero();
  Vector right = Vector::Zero();
  // Priors as pseudo-observations, in units of the noise variance.
  const double slope_precision = variance_floor_ / (tuning_.slope_sd * tuning_.slope_sd);
  // The exponent enters M3 with a plus sign, elsewhere with its feature negated.
  normal(1, 1) += slope_precision;
  right[1] += slope_precision * tuning_.slope_mean;
  if constexpr (kColumns == 3) normal(2, 2) += variance_floor_ / (tuning_.change_sd * tuning_.change_sd);
  normal(0, 0) += 1e-9;

  CheckGivenUp();
  GridElement element;
  element.family = family;
  element.fixed = fixed;
  double held_sum = 0, held_weight = 0;
  size_t next_head = 0;
  const auto point_error = [&](size_t i, const Vector& k) {
    double fitted = 0;
    for (int c = 0; c < kColumns; ++c) fitted += features[i * kColumns + c] * k[c];
    return (target[i] - fitted) / slope[i];
  };
  for (size_t i = 0; i < n; ++i) {
    if (next_head < heads_.size() && heads_[next_head] == i) {
      const Vector k = normal.ldlt().solve(right);
      for (size_t j = i; j < n; ++j) {
        // A form that misses a tail entirely is as good as any other that does.
        const double error = std::clamp(point_error(j, k), -.5, .5);
        held_sum += curve.weight[j] * error * error;
        held_weight += curve.weight[j];
      }
      ++next_head;
    }
    const double w = point_weight_[i] / (slope[i] * slope[i]);
    for (int a = 0; a < kColumns; ++a) {
      const double wa = w * features[i * kColumns + a];
      right[a] += wa * target[i];
      for (int b = 0; b <= a; ++b) normal(a, b) += wa * features[i * kColumns + b];
    }
  }
  for (int a = 0; a < kColumns; ++a) {
    for (int b = a + 1; b < kColumns; ++b) normal(a, b) = normal(b, a);
  }
  const auto factor = normal.ldlt();
  const Vector k = factor.solve(right);
  if (!k.allFinite()) return;
  const Matrix inverse = factor.solve(Matrix::Identity());
  for (int a = 0; a < kColumns; ++a) {
    element.linear[a] = k[a];
    for (int b = 0; b < kColumns; ++b) element.covariance[a * 3 + b] = inverse(a, b);
  }
  if (k[1] < -.02 && family != GridFamily::kBreak) log_prior -= 2;  // a curve that rises
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    const double error = point_error(i, k);
    sum += point_weight_[i] * error * error;
  }
  const double count = static_cast<double>(n);
  element.residual_variance = sum / std::max(1.0, count - kColumns);
  element.mean_square = sum / count;
  element.held_out = held_weight > 0 ? held_sum / held_weight : sum / count;
  element.weight = log_prior;
  elements_.push_back(element);
}

void FormAverage::AddM3(const LogCurve& curve) {
  const size_t n = curve.u.size();
  std::vector<double> features(2 * n, 1.0), slope(n, 1.0);
  for (double gamma : kGammas) {
    const double log_gamma = gamma > 0 ? std::log(gamma) : -745.0;
    for (size_t i = 0; i < n; ++i) features[2 * i + 1] = LogAdd(-curve.u[i], log_gamma);
    AddElement<2>(GridFamily::kM3, {gamma, 0, 0}, features.data(), curve.v.data(), slope.data(),
                  std::log(tuning_.family_m3 / kGammas.size()));
  }
}

namespace {

// ln |y - at| and y / |y - at| at every point: what the grid's targets and slopes are made of. Logarithms are
// most of what the grid costs, so they are taken once for every floor and ceiling.
struct LogDistance {
  std::vector<double> log, slope;
};
LogDistance DistanceFrom(const std::vector<double>& y, double at) {
  LogDistance distance;
  for (double value : y) {
    const double away = std::fabs(value - at);
    distance.log.push_back(std::log(away));
    distance.slope.push_back(value / away);
  }
  return distance;
}

}  // namespace

void FormAverage::AddM4(const LogCurve& curve) {
  const size_t n = curve.u.size();
  std::vector<double> y(n), features(2 * n, 1.0), target(n), slope(n);
  for (size_t i = 0; i < n; ++i) {
    y[i] = std::exp(curve.v[i]);
    features[2 * i + 1] = -curve.u[i];
  }
  const double least = *std::min_element(y.begin(), y.end()) * std::exp(-curve.noise);
  const double greatest = *std::max_element(y.begin(), y.end());
  std::vector<LogDistance> ceilings;
  for (double ceiling : kCeilings) ceilings.push_back(DistanceFrom(y, greatest * (1 + ceiling)));
  for (double floor : kFloors) {
    const double eps_inf = floor * least;
    const double log_prior =
        std::log(tuning_.family_m4 / kAlphas.size() / kFloors.size()) - tuning_.floor_slope * floor;
    const LogDistance above = DistanceFrom(y, eps_inf);
    AddElement<2>(GridFamily::kM4, {0, eps_inf, 0}, features.data(), above.log.data(), above.slope.data(),
                  log_prior);
    for (double alpha : kAlphas) {
      if (alpha == 0) continue;
      for (size_t c = 0; c < kCeilings.size(); ++c) {
        for (size_t i = 0; i < n; ++i) {
          target[i] = above.log[i] - alpha * ceilings[c].log[i];
          slope[i] = above.slope[i] + alpha * ceilings[c].slope[i];
        }
        AddElement<2>(GridFamily::kM4, {alpha, eps_inf, greatest * (1 + kCeilings[c])}, features.data(),
                      target.data(), slope.data(), log_prior - std::log(kCeilings.size()));
      }
    }
  }
}

void FormAverage::AddBreaks(const LogCurve& curve) {
  const size_t n = curve.u.size();
  if (n < 5) return;
  std::vector<double> y(n), features(3 * n, 1.0);
  for (size_t i = 0; i < n; ++i) {
    y[i] = std::exp(curve.v[i]);
    features[3 * i + 1] = -curve.u[i];
  }
  const double least = *std::min_element(y.begin(), y.end()) * std::exp(-curve.noise);
  std::vector<LogDistance> floors;
  for (double floor : kBreakFloors) floors.push_back(DistanceFrom(y, floor * least));
  const double log_prior =
      std::log(tuning_.family_break / (kBreakPlaces * kSharpness.size() * kBreakFloors.size()));
  for (int place = 0; place < kBreakPlaces; ++place) {
    const double log_d =
        curve.u.front() * (1 - static_cast<double>(place) / (kBreakPlaces - 2));  // one lies beyond the end
    for (double f : kSharpness) {
      for (size_t i = 0; i < n; ++i) features[3 * i + 2] = -f * Softplus((curve.u[i] - log_d) / f);
      for (size_t k = 0; k < kBreakFloors.size(); ++k) {
        AddElement<3>(GridFamily::kBreak, {kBreakFloors[k] * least, log_d, f}, features.data(),
                      floors[k].log.data(), floors[k].slope.data(),
                      log_prior - tuning_.floor_slope * kBreakFloors[k]);
      }
    }
  }
}

}  // namespace sextant::fitting
