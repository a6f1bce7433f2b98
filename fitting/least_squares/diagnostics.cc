// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/diagnostics.h"

#include <Eigen/Core>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "fitting/least_squares/scalar_minimise.h"

namespace sextant::fitting::solve {
namespace {

constexpr std::size_t kMostInfluential = 10;

double LossOf(double size, const Objective& objective, double scale) {
  switch (objective.loss) {
    case LossKind::kSquared:
      return 0.5 * size * size;
    case LossKind::kAbsolute:
      return size;
    case LossKind::kHuber:
    case LossKind::kHuberLikelihood:
      break;
  }
  const double standard = size / scale;
  return standard <= objective.delta ? 0.5 * standard * standard
                                     : objective.delta * (standard - 0.5 * objective.delta);
}

}  // namespace

std::vector<Influence> FindInfluence(Polisher& polisher, const LawData& data, const Polished& estimate,
                                     const std::vector<double>& standard_errors, const StopCheck& stop) {
  Evaluator& evaluator = polisher.evaluator();
  const auto n = static_cast<Eigen::Index>(evaluator.rows());
  const auto k = static_cast<Eigen::Index>(evaluator.dimension());
  if (n <= k || standard_errors.empty()) return {};
  std::vector<double> residual, jacobian;
  if (!evaluator.Residuals(estimate.walked, residual, &jacobian)) return {};
  evaluator.SetDelta(estimate.delta);
  Derivatives at;
  evaluator.Evaluate(estimate.walked, at);
  const Eigen::FullPivLU<Eigen::MatrixXd> hessian(Eigen::Map<const Eigen::MatrixXd>(at.hessian.data(), k, k));
  if (!hessian.isInvertible()) return {};

  std::vector<double> share(n), approximate(n, 0.0);
  double total = 0;
  for (Eigen::Index row = 0; row < n; ++row) {
    share[row] =
        evaluator.weights()[row] * LossOf(std::abs(residual[row]), polisher.objective(), estimate.scale);
    total += share[row];
    Eigen::VectorXd gradient(k);
    const double slope =
        evaluator.weights()[row] * std::clamp(residual[row], -estimate.delta, estimate.delta);
    for (Eigen::Index i = 0; i < k; ++i) gradient[i] = slope * jacobian[i * n + row];
    const Eigen::VectorXd shift = hessian.solve(gradient);
    for (Eigen::Index i = 0; i < k; ++i) {
      if (standard_errors[i] > 0)
        approximate[row] = std::max(approximate[row], std::abs(shift[i] / standard_errors[i]));
    }
  }
  std::vector<Eigen::Index> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return approximate[a] > approximate[b]; });
  order.resize(std::min<std::size_t>(order.size(), kMostInfluential));

  std::vector<Influence> found;
  const std::vector<double> weights = evaluator.weights();
  for (const Eigen::Index row : order) {
    if (!stop().ok()) break;
    std::vector<double> without = weights;
    without[row] = 0;
    evaluator.SetWeights(without);
    const Polished refit = polisher.Polish(estimate.walked);
    Influence influence{data.RowName(row), total > 0 ? share[row] / total : 0, 0};
    for (Eigen::Index i = 0; i < k; ++i) {
      if (standard_errors[i] > 0) {
        influence.shift =
            std::max(influence.shift, std::abs((refit.walked[i] - estimate.walked[i]) / standard_errors[i]));
      }
    }
    found.push_back(std::move(influence));
  }
  evaluator.SetWeights(weights);
  std::stable_sort(found.begin(), found.end(),
                   [](const Influence& a, const Influence& b) { return a.shift > b.shift; });
  return found;
}

std::map<std::string, double> HuberDeltaSensitivity(Evaluator& evaluator, const Objective& objective,
                                                    const LawSpec& spec, const Polished& estimate) {
  std::map<std::string, double> sensitivity;
  if (objective.loss != LossKind::kHuber) return sensitivity;
  const ParameterMap& map = evaluator.map();
  std::vector<double> here(map.natural_count()), there(map.natural_count());
  map.ToNatural(estimate.walked, here);
  for (const double factor : {0.1, 1.0 / 3, 3.0, 10.0}) {
    Objective other = objective;
    other.delta *= factor;
    Polisher polisher(evaluator, other);
    const Polished refit = polisher.Polish(estimate.walked);
    map.ToNatural(refit.walked, there);
    for (const ParameterMap::Free& free : map.free()) {
      const double scale = std::max(std::abs(here[free.index]), 1e-300);
      double& worst = sensitivity["huber_delta_sensitivity." + spec.parameters[free.index].name];
      worst = std::max(worst, std::abs(there[free.index] - here[free.index]) / scale);
    }
  }
  return sensitivity;
}

double MinusTwoLogLikelihood(Polisher& polisher, const Polished& estimate) {
  Evaluator& evaluator = polisher.evaluator();
  const Objective& objective = polisher.objective();
  const double n = evaluator.total_weight();
  constexpr double kTwoPi = 6.283185307179586;
  // Residuals of an exact fit are rounding; their likelihood is unbounded.
  constexpr double kLeast = 1e-300;
  switch (objective.loss) {
    case LossKind::kHuberLikelihood:
      return 2 * estimate.value;
    case LossKind::kSquared:
      return n * (std::log(kTwoPi * std::max(2 * estimate.value / n, kLeast)) + 1);
    case LossKind::kAbsolute:
      return 2 * n * (std::log(2 * std::max(estimate.value / n, kLeast)) + 1);
    case LossKind::kHuber:
      break;
  }
  // Density exp(-huber(r; delta) / s^2) / (s Z(delta / s)).
  const auto value = [&](double log_scale) {
    const double s = std::exp(log_scale);
    return 2 * (estimate.value / (s * s) + n * std::log(s * HuberNormaliser(objective.delta / s)));
  };
  const double typical = 0.5 * std::log(std::max(2 * estimate.value / n, kLeast));
  return value(GoldenSection(value, typical - 6, typical + 6, 1e-10));
}

}  // namespace sextant::fitting::solve
