// SPDX-License-Identifier: Apache-2.0
#include "fitting/comparison/verdict.h"

#include <Eigen/Cholesky>
#include <cmath>

#include "fitting/comparison/student.h"

namespace sextant::fitting::comparison {
namespace {

constexpr int kMostSeeds = 64, kMostRungs = 6;
constexpr double kRungFactor = 4;

// The deviation of ln multiplier at the reference, floors held at their mode.
double Deviation(const ConditionalProblem& law, const LawPair& mode, double variance) {
  const ConditionalFit fit = FitGivenFloors(law, mode.floor_a, mode.floor_b);
  if (!fit.ok) return HUGE_VAL;
  Eigen::MatrixXd precision = fit.information / variance;
  precision.diagonal() += fit.prior;
  const auto value = [&](const Eigen::VectorXd& p) {
    return ToLawPair(law.form, p, mode.floor_a, mode.floor_b).LogMultiplier(0);
  };
  Eigen::VectorXd slope(fit.mean.size());
  for (Eigen::Index i = 0; i < slope.size(); ++i) {
    Eigen::VectorXd up = fit.mean, down = fit.mean;
    up[i] += 1e-5;
    down[i] -= 1e-5;
    slope[i] = (value(up) - value(down)) / 2e-5;
  }
  return slope.allFinite() ? std::sqrt(slope.dot(precision.ldlt().solve(slope))) : HUGE_VAL;
}

// Adds a cell of both recipes, on their laws.
void AddRung(int rung, const LawPair& mode, ConditionalProblem& law) {
  const double log_compute = rung * std::log(kRungFactor);
  for (const bool second : {false, true}) {
    LawPoint point;
    point.second = second;
    point.log_compute = log_compute;
    point.log_params = point.log_tokens = log_compute / 2;
    point.loss = second ? mode.LossB(log_compute) : mode.LossA(log_compute);
    law.points.push_back(point);
  }
}

}  // namespace

MoreRuns RunsToTell(const PosteriorProblem& problem, const Posterior& posterior, double log_multiplier,
                    double interval) {
  MoreRuns more;
  const double variance = posterior.deviation * posterior.deviation;
  const double quantile = StudentQuantile(0.5 + interval / 2, 1e6);
  const auto tells = [&](const ConditionalProblem& law) {
    return quantile * Deviation(law, posterior.mode, variance) < std::fabs(log_multiplier);
  };
  ConditionalProblem law = problem.law;
  law.variance = variance;
  const ConditionalProblem once = law;
  for (int seeds = 2; seeds <= kMostSeeds && !more.seeds; ++seeds) {
    for (std::size_t i = 0; i < law.points.size(); ++i) law.points[i].weight = once.points[i].weight * seeds;
    if (tells(law)) more.seeds = seeds;
  }
  law = once;
  for (int rungs = 1; rungs <= kMostRungs && !more.rungs; ++rungs) {
    AddRung(rungs, posterior.mode, law);
    if (tells(law)) more.rungs = rungs;
  }
  return more;
}

}  // namespace sextant::fitting::comparison
