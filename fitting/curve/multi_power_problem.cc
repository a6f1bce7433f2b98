// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/multi_power_problem.h"

#include <algorithm>
#include <cmath>

namespace sextant::fitting {
namespace {

// The prior pulls with its full strength inside this many standard deviations, and no harder beyond.
constexpr double kPriorReach = 1.5;

}  // namespace

MultiPowerPoints::MultiPowerPoints(const std::vector<SchedulePoint>& points,
                                   const std::vector<RateChanges>& changes) {
  begin_.push_back(0);
  for (const SchedulePoint& point : points) {
    log_s1_.push_back(std::log(point.s1));
    for (const MergedChange& change : changes[point.curve].Before(point.step)) {
      drop_.push_back(change.drop);
      log_rate_.push_back(change.log_rate);
      log_since_.push_back(std::log(change.since));
    }
    begin_.push_back(drop_.size());
  }
}

bool MultiPowerPoints::LogLosses(const double* p, double* log_loss, double* jacobian) const {
  std::array<double, kMultiPower> v{};
  for (int k = 0; k < kMultiPower; ++k) v[k] = std::exp(p[k]);
  const auto [l0, a, alpha, b, c, beta, gamma] = v;
  const double log_c = p[4];
  for (size_t i = 0; i < size(); ++i) {
    double gained = 0, by_c = 0, by_beta = 0, by_gamma = 0;
    for (size_t j = begin_[i]; j < begin_[i + 1]; ++j) {
      const double q = std::exp(log_c - gamma * log_rate_[j] + log_since_[j]);
      const double log_term = std::log1p(q), power = std::exp(-beta * log_term);
      gained += drop_[j] * (1 - power);
      if (jacobian == nullptr) continue;
      const double inner = drop_[j] * beta * power * q / (1 + q);  // d gained / d ln q
      by_c += inner;
      by_gamma -= inner * log_rate_[j] * gamma;
      by_beta += drop_[j] * power * log_term * beta;
    }
    const double term = a * std::exp(-alpha * log_s1_[i]), loss = l0 + term - b * gained;
    if (!(loss > 0) || !std::isfinite(loss)) return false;
    log_loss[i] = std::log(loss);
    if (jacobian == nullptr) continue;
    double* row = jacobian + i * kMultiPower;
    row[0] = l0 / loss;
    row[1] = term / loss;
    row[2] = -term * alpha * log_s1_[i] / loss;
    row[3] = -b * gained / loss;
    row[4] = -b * by_c / loss;
    row[5] = -b * by_beta / loss;
    row[6] = -b * by_gamma / loss;
  }
  return true;
}

void PriorResiduals(const MultiPowerAim& aim, const double* p, double* residuals, double* jacobian) {
  const MultiPowerPrior& prior = aim.prior;
  const double gamma = std::exp(p[6]);
  // C peak^-gamma (steps x peak) = 1.
  const double log_steps = -p[4] - (1 - gamma) * aim.log_peak;
  residuals[0] = (log_steps - prior.log_steps) / prior.log_steps_sd - aim.prior_shift[0];
  residuals[1] = (p[5] - prior.log_beta) / prior.log_beta_sd - aim.prior_shift[1];
  residuals[2] = (p[6] - prior.log_gamma) / prior.log_gamma_sd - aim.prior_shift[2];
  if (jacobian == nullptr) return;
  std::fill_n(jacobian, kPriorRows * kMultiPower, 0.0);
  jacobian[4] = -1 / prior.log_steps_sd;
  jacobian[6] = gamma * aim.log_peak / prior.log_steps_sd;
  jacobian[kMultiPower + 5] = 1 / prior.log_beta_sd;
  jacobian[2 * kMultiPower + 6] = 1 / prior.log_gamma_sd;
}

DenseProblem MultiPowerProblem(const MultiPowerPoints& points, const MultiPowerAim& aim) {
  DenseProblem problem;
  problem.residuals = static_cast<int>(points.size()) + kPriorRows;
  problem.parameters = kMultiPower;
  problem.lower = {-20, -30, std::log(0.01), -30, -30, std::log(0.02), std::log(0.02)};
  problem.upper = {10, 30, std::log(5.0), 40, 30, std::log(5.0), std::log(3.0)};
  problem.evaluate = [&points, &aim](const double* p, double* r, double* jacobian) {
    if (!points.LogLosses(p, r, jacobian)) return false;
    const size_t n = points.size();
    const auto scale_row = [&](size_t row, double by) {
      if (jacobian == nullptr) return;
      for (int k = 0; k < kMultiPower; ++k) jacobian[row * kMultiPower + k] *= by;
    };
    for (size_t i = 0; i < n; ++i) {
      double slope = 1;
      r[i] = HuberResidual(aim.root_weights[i] * (r[i] - aim.log_losses[i]), aim.delta, &slope);
      scale_row(i, slope * aim.root_weights[i]);
    }
    PriorResiduals(aim, p, r + n, jacobian == nullptr ? nullptr : jacobian + n * kMultiPower);
    const double strength = std::sqrt(aim.prior_variance);
    for (size_t k = 0; k < kPriorRows; ++k) {
      double slope = 1;
      r[n + k] = strength * HuberResidual(r[n + k], kPriorReach, &slope);
      scale_row(n + k, slope * strength);
    }
    return true;
  };
  return problem;
}

MultiPowerLaw MultiPowerFromLogs(std::span<const double> p) {
  return {std::exp(p[0]), std::exp(p[1]), std::exp(p[2]), std::exp(p[3]),
          std::exp(p[4]), std::exp(p[5]), std::exp(p[6])};
}

}  // namespace sextant::fitting
