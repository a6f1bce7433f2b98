// SPDX-License-Identifier: Apache-2.0
#include "fitting/comparison/floor_posterior.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <set>

#include "base/random.h"
#include "fitting/comparison/student.h"

namespace sextant::fitting::comparison {
namespace {

constexpr double kHighestFloor = 0.985;  ///< of the least loss
constexpr double kLackOfFitLevel = 0.05;
constexpr int kAssumedDegrees = 4;  ///< what an assumed noise is worth

struct GridPoint {
  double floor_a, floor_b, log_weight;
  ConditionalFit fit;
};

struct Span {
  double low, high;
};

double LeastLoss(const PosteriorProblem& problem, bool second, bool both) {
  double least = HUGE_VAL;
  for (const LawPoint& point : problem.law.points) {
    if (both || point.second == second) least = std::min(least, point.loss);
  }
  return least;
}

std::vector<double> Spread(const Span& span, int count) {
  std::vector<double> values;
  for (int i = 0; i < count; ++i) values.push_back(span.low + (span.high - span.low) * i / (count - 1));
  return values;
}

// Distinct budgets of one recipe.
std::size_t Budgets(const PosteriorProblem& problem, bool second) {
  std::set<long> budgets;
  for (const LawPoint& point : problem.law.points) {
    if (point.second == second) budgets.insert(std::lround(point.log_compute * 50));
  }
  return budgets.size();
}

int FreeParameters(const PosteriorProblem& problem) {
  const bool drift = !problem.exponent_pinned && Budgets(problem, false) > 1 && Budgets(problem, true) > 1;
  const int floors = problem.floor == FloorKind::kPinned ? 0 : problem.floor == FloorKind::kShared ? 1 : 2;
  const int laws = problem.law.form == LawForm::kSurface ? 5 : problem.exponent_pinned ? 2 : 3;
  return laws + (drift ? 1 : 0) + floors;
}

std::vector<GridPoint> Evaluate(const PosteriorProblem& problem, const ConditionalProblem& law, const Span& a,
                                const Span& b) {
  std::vector<GridPoint> grid;
  const auto add = [&](double floor_a, double floor_b) {
    ConditionalFit fit = FitGivenFloors(law, floor_a, floor_b);
    if (fit.ok) grid.push_back({floor_a, floor_b, 0, std::move(fit)});
  };
  switch (problem.floor) {
    case FloorKind::kPinned:
      add(problem.pinned, problem.pinned);
      break;
    case FloorKind::kShared:
      for (const double floor : Spread(a, 41)) add(floor, floor);
      break;
    case FloorKind::kFree:
      for (const double floor_a : Spread(a, 17)) {
        for (const double floor_b : Spread(b, 17)) add(floor_a, floor_b);
      }
      break;
  }
  return grid;
}

// Weighs the grid with the marginal likelihood given the noise; returns the index of the best point.
std::size_t Weigh(std::vector<GridPoint>& grid, double variance) {
  double top = -HUGE_VAL;
  std::size_t best = 0;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    Eigen::MatrixXd precision = grid[i].fit.information / variance;
    precision.diagonal() += grid[i].fit.prior;
    const Eigen::LLT<Eigen::MatrixXd> cholesky(precision);
    const double half_log_determinant = cholesky.matrixLLT().diagonal().array().abs().log().sum();
    grid[i].log_weight = -0.5 * grid[i].fit.sum_squares / variance - half_log_determinant;
    if (!std::isfinite(grid[i].log_weight)) grid[i].log_weight = -HUGE_VAL;
    if (grid[i].log_weight > top) {
      top = grid[i].log_weight;
      best = i;
    }
  }
  for (GridPoint& point : grid) point.log_weight -= top;
  return best;
}

Span Narrow(const std::vector<GridPoint>& grid, double GridPoint::*floor, const Span& span, int count) {
  Span narrowed{HUGE_VAL, -HUGE_VAL};
  for (const GridPoint& point : grid) {
    if (point.log_weight < -12) continue;
    narrowed.low = std::min(narrowed.low, point.*floor);
    narrowed.high = std::max(narrowed.high, point.*floor);
  }
  const double step = (span.high - span.low) / (count - 1);
  return {std::max(span.low, narrowed.low - step), std::min(span.high, narrowed.high + step)};
}

// Sets the noise from the residuals of the best fit and the repeats.
void SetNoise(const PosteriorProblem& problem, double sum_squares, Posterior& posterior) {
  posterior.residual_degrees =
      std::max(0, static_cast<int>(problem.law.points.size()) - FreeParameters(problem));
  const double residual = posterior.residual_degrees > 0 ? sum_squares / posterior.residual_degrees : 0;
  posterior.residual_deviation = std::sqrt(residual);
  const double seeds = std::exp(2 * problem.seeds.log_deviation);
  const int repeats = problem.seeds.degrees;
  bool pool = repeats > 0;
  if (repeats > 0 && posterior.residual_degrees > 0) {
    posterior.lack_of_fit_tail = FisherTail(residual / seeds, posterior.residual_degrees, repeats);
    pool = *posterior.lack_of_fit_tail > kLackOfFitLevel;
  }
  posterior.degrees = posterior.residual_degrees + (pool ? repeats : 0);
  double variance = residual * posterior.residual_degrees + (pool ? seeds * repeats : 0);
  if (posterior.degrees > 0) {
    variance /= posterior.degrees;
    posterior.noise = pool ? NoiseSource::kRepeats : NoiseSource::kResiduals;
  }
  // Residuals of a perfect fit are rounding: what is assumed of seeds stands in.
  if (posterior.degrees == 0 || !(variance > 1e-14)) {
    variance = kAssumedDeviation * kAssumedDeviation;
    posterior.degrees = kAssumedDegrees;
    posterior.noise = NoiseSource::kAssumed;
  }
  posterior.deviation = std::sqrt(variance);
}

void Draw(const PosteriorProblem& problem, const std::vector<GridPoint>& grid, Posterior& posterior) {
  std::vector<double> cumulative;
  double sum = 0;
  for (const GridPoint& point : grid) cumulative.push_back(sum += std::exp(point.log_weight));
  for (int i = 0; i < problem.draws; ++i) {
    RandomStream random(problem.seed, static_cast<std::uint64_t>(i));
    const auto at = std::lower_bound(cumulative.begin(), cumulative.end(), random.Uniform() * sum);
    const GridPoint& point = grid[std::min<std::size_t>(at - cumulative.begin(), grid.size() - 1)];
    const double variance =
        posterior.deviation * posterior.deviation * posterior.degrees / random.ChiSquared(posterior.degrees);
    Eigen::MatrixXd precision = point.fit.information / variance;
    precision.diagonal() += point.fit.prior;
    Eigen::VectorXd normal(precision.rows());
    for (double& value : normal) value = random.Normal();
    const Eigen::LLT<Eigen::MatrixXd> cholesky(precision);
    posterior.draws.push_back(ToLawPair(problem.law.form, point.fit.mean + cholesky.matrixU().solve(normal),
                                        point.floor_a, point.floor_b));
  }
}

}  // namespace

Posterior ComputePosterior(const PosteriorProblem& problem) {
  Posterior posterior;
  ConditionalProblem law = problem.law;
  const bool shared = problem.floor == FloorKind::kShared;
  Span a{0, kHighestFloor * LeastLoss(problem, false, shared)},
      b{0, kHighestFloor * LeastLoss(problem, true, shared)};
  law.variance = problem.seeds.degrees > 0 ? std::exp(2 * problem.seeds.log_deviation)
                                           : kAssumedDeviation * kAssumedDeviation;
  std::vector<GridPoint> grid;
  std::size_t best = 0;
  for (int pass = 0; pass < 3; ++pass) {
    grid = Evaluate(problem, law, a, b);
    if (grid.empty()) return posterior;
    double least = HUGE_VAL;
    for (const GridPoint& point : grid) least = std::min(least, point.fit.sum_squares);
    SetNoise(problem, least, posterior);
    law.variance = posterior.deviation * posterior.deviation;
    best = Weigh(grid, law.variance);
    if (problem.floor == FloorKind::kPinned || pass == 2) continue;
    const int count = shared ? 41 : 17;
    a = Narrow(grid, &GridPoint::floor_a, a, count);
    b = Narrow(grid, &GridPoint::floor_b, b, count);
  }
  posterior.fit = grid[best].fit;
  posterior.mode = ToLawPair(law.form, grid[best].fit.mean, grid[best].floor_a, grid[best].floor_b);
  Draw(problem, grid, posterior);
  return posterior;
}

}  // namespace sextant::fitting::comparison
