// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/polish.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fitting/least_squares/scalar_minimise.h"

namespace sextant::fitting::solve {
namespace {

constexpr double kNotReached = std::numeric_limits<double>::infinity();
// A coarse stage only has to land in the right valley.
constexpr double kCoarseTolerance = 1e-4;

double WeightedMeanSize(const std::vector<double>& residual, const std::vector<double>& weights) {
  double sum = 0, total = 0;
  for (std::size_t row = 0; row < residual.size(); ++row) {
    if (weights[row] == 0) continue;
    sum += weights[row] * std::abs(residual[row]);
    total += weights[row];
  }
  return total > 0 ? sum / total : 0;
}

double HuberSum(const std::vector<double>& residual, const std::vector<double>& weights, double delta,
                double scale) {
  double sum = 0;
  for (std::size_t row = 0; row < residual.size(); ++row) {
    if (weights[row] == 0) continue;
    const double size = std::abs(residual[row]) / scale;
    sum += weights[row] * (size <= delta ? 0.5 * size * size : delta * (size - 0.5 * delta));
  }
  return sum;
}

}  // namespace

double HuberNormaliser(double delta) {
  // Normal in the middle, exponential tails.
  constexpr double kSqrtTwoPi = 2.5066282746310002;
  return kSqrtTwoPi * std::erf(delta / std::sqrt(2.0)) + 2 * std::exp(-0.5 * delta * delta) / delta;
}

double HuberLikelihoodValue(const std::vector<double>& residual, const std::vector<double>& weights,
                            double delta, double scale) {
  double total = 0;
  for (const double weight : weights) total += weight;
  return HuberSum(residual, weights, delta, scale) + total * std::log(scale * HuberNormaliser(delta));
}

double BestHuberLikelihoodScale(const std::vector<double>& residual, const std::vector<double>& weights,
                                double delta) {
  const double mean = WeightedMeanSize(residual, weights);
  if (!(mean > 0) || !std::isfinite(mean)) return std::numeric_limits<double>::min();
  // Between the scale of a Laplace density (all residuals in the tails) and that of a normal one.
  double largest = 0;
  for (std::size_t row = 0; row < residual.size(); ++row) {
    if (weights[row] > 0) largest = std::max(largest, std::abs(residual[row]));
  }
  const double low = std::log(std::min(1.0, delta) * mean) - 2;
  const double high = std::log(std::max(largest, delta * mean)) + 2;
  return std::exp(GoldenSection(
      [&](double log_scale) { return HuberLikelihoodValue(residual, weights, delta, std::exp(log_scale)); },
      low, high, 1e-12));
}

double Polisher::Value(const std::vector<double>& walked, double* scale) {
  if (!evaluator_.Residuals(walked, residual_, nullptr)) return kNotReached;
  switch (objective_.loss) {
    case LossKind::kSquared:
      return HuberSum(residual_, evaluator_.weights(), kNotReached, 1);
    case LossKind::kHuber:
      return HuberSum(residual_, evaluator_.weights(), objective_.delta, 1);
    case LossKind::kAbsolute: {
      double total = 0;
      for (const double weight : evaluator_.weights()) total += weight;
      return total * WeightedMeanSize(residual_, evaluator_.weights());
    }
    case LossKind::kHuberLikelihood: {
      const double best = BestHuberLikelihoodScale(residual_, evaluator_.weights(), objective_.delta);
      if (scale != nullptr) *scale = best;
      return HuberLikelihoodValue(residual_, evaluator_.weights(), objective_.delta, best);
    }
  }
  return kNotReached;
}

Polished Polisher::PolishFixedDelta(const std::vector<double>& start, double delta) {
  evaluator_.SetDelta(delta);
  NewtonResult result = newton_.Minimise(evaluator_, start, final_);
  const double value = result.joined ? final_.known : result.objective;
  return {std::move(result.walked), value, delta, 1, result.converged, result.joined};
}

Polished Polisher::PolishSharp(const std::vector<double>& start) {
  Polished polished{start, kNotReached, 0, 1, false, false};
  if (!evaluator_.Residuals(start, residual_, nullptr)) return polished;
  double delta = 3 * WeightedMeanSize(residual_, evaluator_.weights());
  if (!(delta > 0)) delta = 1e-12;  // an exact fit already
  const bool likelihood = objective_.loss == LossKind::kHuberLikelihood;
  NewtonOptions coarse;
  coarse.tolerance = kCoarseTolerance;
  coarse.indefinite_steps = 0;
  NewtonOptions exact;
  exact.indefinite_steps = 0;
  exact.tolerance = final_.tolerance;
  evaluator_.SetDelta(delta);
  NewtonResult result = newton_.Minimise(evaluator_, start, coarse);
  // The typical residual is known once the first stage has converged; what follows is relative to it.
  if (!evaluator_.Residuals(result.walked, residual_, nullptr)) return polished;
  const double typical = std::max(WeightedMeanSize(residual_, evaluator_.weights()), 1e-300);
  const double smallest = 1e-9 * typical;
  delta = typical;
  double target = smallest;
  for (int round = 0; round < 60; ++round) {
    if (likelihood) {
      if (!evaluator_.Residuals(result.walked, residual_, nullptr)) return polished;
      polished.scale = BestHuberLikelihoodScale(residual_, evaluator_.weights(), objective_.delta);
      target = std::max(smallest, objective_.delta * polished.scale);
    }
    const bool last = delta <= target * (1 + 1e-9);
    const double before = evaluator_.delta();
    evaluator_.SetDelta(std::max(delta, target));
    result = newton_.Minimise(evaluator_, result.walked, last ? exact : coarse);
    if (last && (!likelihood || std::abs(before / evaluator_.delta() - 1) < 1e-7)) break;
    delta = last ? target : std::max(delta * 0.2, target);
  }
  polished.walked = result.walked;
  polished.delta = evaluator_.delta();
  polished.converged = result.converged;
  polished.value = Value(polished.walked, &polished.scale);
  return polished;
}

Polished Polisher::Polish(const std::vector<double>& start) {
  switch (objective_.loss) {
    case LossKind::kSquared:
      return PolishFixedDelta(start, kNotReached);
    case LossKind::kHuber:
      return PolishFixedDelta(start, objective_.delta);
    case LossKind::kAbsolute:
    case LossKind::kHuberLikelihood:
      break;
  }
  return PolishSharp(start);
}

Polished Polisher::PolishWidened(const std::vector<double>& start, double widening) {
  if (objective_.loss != LossKind::kHuber) return Polish(start);
  NewtonOptions coarse;
  coarse.tolerance = kCoarseTolerance;
  evaluator_.SetDelta(objective_.delta * widening);
  const NewtonResult wide = newton_.Minimise(evaluator_, start, coarse);
  return PolishFixedDelta(std::isfinite(wide.objective) ? wide.walked : start, objective_.delta);
}

}  // namespace sextant::fitting::solve
