// SPDX-License-Identifier: Apache-2.0
// The fit of Tissue's law (schedule_fit.h).
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/give_up.h"
#include "fitting/curve/dense_solver.h"
#include "fitting/curve/schedule_fit.h"
#include "fitting/curve/schedule_points.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

constexpr int kTissue = 4;  // constants that are fitted; lambda is chosen

// Logarithms of L0, A, alpha, C. `points` and `log_losses` must outlive the problem.
DenseProblem TissueProblem(const std::vector<SchedulePoint>& points, const std::vector<double>& log_losses,
                           double delta) {
  DenseProblem problem;
  problem.residuals = static_cast<int>(points.size());
  problem.parameters = kTissue;
  problem.lower = {-20, -30, std::log(0.01), -30};
  problem.upper = {10, 30, std::log(5.0), 30};
  problem.evaluate = [&points, &log_losses, delta](const double* p, double* r, double* jacobian) {
    const double l0 = std::exp(p[0]), a = std::exp(p[1]), alpha = std::exp(p[2]), c = std::exp(p[3]);
    for (size_t i = 0; i < points.size(); ++i) {
      const double power = a * std::pow(points[i].s1, -alpha), loss = l0 + power - c * points[i].s2;
      if (!(loss > 0)) return false;
      double slope = 1;
      const double root_weight = std::sqrt(points[i].weight);
      r[i] = HuberResidual(root_weight * (std::log(loss) - log_losses[i]), delta, &slope);
      if (jacobian == nullptr) continue;
      const double scale = root_weight * slope / loss;
      jacobian[4 * i] = scale * l0;
      jacobian[4 * i + 1] = scale * power;
      jacobian[4 * i + 2] = -scale * power * alpha * std::log(points[i].s1);
      jacobian[4 * i + 3] = -scale * c * points[i].s2;
    }
    return true;
  };
  return problem;
}

TissueLaw TissueFromLogs(const std::vector<double>& p, double lambda, size_t anneal_from) {
  return {std::exp(p[0]), std::exp(p[1]), std::exp(p[2]), std::exp(p[3]), lambda, anneal_from};
}

// ln loss of the law at every point.
std::vector<double> TissueLogLosses(const TissueLaw& law, const std::vector<SchedulePoint>& points) {
  std::vector<double> log_law;
  for (const SchedulePoint& q : points)
    log_law.push_back(std::log(law.l0 + law.a * std::pow(q.s1, -law.alpha) - law.c * q.s2));
  return log_law;
}

// Delta by the scatter about a first fit at each lambda: the least scatter is of the best lambda.
double DeltaOf(const std::vector<SchedulePoint>& points, const TissueLaw& law) {
  std::vector<double> residuals = TissueLogLosses(law, points);
  for (size_t i = 0; i < points.size(); ++i)
    residuals[i] = std::sqrt(points[i].weight) * (residuals[i] - std::log(points[i].loss));
  return MeasureScatter(points, residuals, kTissue).delta;
}

std::vector<TissueLaw> BootstrapTissue(const TissueFit& fit, const std::vector<SchedulePoint>& points,
                                       const std::vector<double>& best, const ScheduleFitOptions& options) {
  std::vector<TissueLaw> replicates(static_cast<size_t>(options.replicates));
  const std::vector<double> fitted = TissueLogLosses(fit.law, points);
  const GiveUpOfCaller caller;
  tbb::parallel_for(size_t{0}, replicates.size(), [&](size_t i) {
    const auto scope = caller.Enter();
    const std::vector<double> drawn = DrawLogLosses(points, fitted, kTissue, options.seed, i);
    const DenseSolution solution = SolveQuickly(TissueProblem(points, drawn, fit.delta), best, 30, 1e-6);
    replicates[i] = TissueFromLogs(solution.parameters, fit.law.lambda, fit.law.anneal_from);
  });
  return replicates;
}

// The best fit at one lambda, with no replicates; objective infinite where no point lies after a fall.
TissueFit FitAtLambda(const std::vector<SchedulePoint>& points, double lambda, size_t anneal_from,
                      double delta, std::vector<double>& best) {
  TissueFit fit;
  fit.delta = delta;
  fit.objective = std::numeric_limits<double>::infinity();
  // The rise of a warm-up counts against the falls after it: s2 may be below 0 everywhere.
  double lowest = points.front().s2, highest = lowest;
  for (const SchedulePoint& p : points) {
    lowest = std::min(lowest, p.s2);
    highest = std::max(highest, p.s2);
  }
  const double reach = highest - lowest;
  if (!(reach > 0)) return fit;
  std::vector<std::vector<double>> starts;
  for (double alpha : {.25, .5, .9}) {
    const PowerPart power = FitPowerPart(points, alpha);
    for (double gain : {.01, .1}) {
      starts.push_back(
          {std::log(power.l0), std::log(power.a), std::log(alpha), std::log(gain * power.l0 / reach)});
    }
  }
  fit.starts = static_cast<int>(starts.size());
  std::vector<double> log_losses;
  for (const SchedulePoint& point : points) log_losses.push_back(std::log(point.loss));
  const DenseSolution solution =
      SolveFromStarts(TissueProblem(points, log_losses, delta), starts, &fit.starts_at_optimum);
  best = solution.parameters;
  fit.objective = solution.objective / 2;
  fit.law = TissueFromLogs(best, lambda, anneal_from);
  fit.converged = solution.converged;
  const std::vector<double> log_law = TissueLogLosses(fit.law, points);
  for (size_t i = 0; i < points.size(); ++i) {
    fit.relative_error +=
        std::fabs(std::exp(log_law[i] - log_losses[i]) - 1) / static_cast<double>(points.size());
  }
  return fit;
}

}  // namespace

absl::StatusOr<TissueFit> FitTissue(std::span<const ScheduledCurve> curves,
                                    const ScheduleFitOptions& options) {
  if (!(options.lambda >= 0 && options.lambda < 1))
    return absl::InvalidArgumentError("lambda must lie in [0, 1)");
  absl::StatusOr<std::vector<SchedulePoint>> gathered = GatherSchedulePoints(curves, options, kTissue);
  if (!gathered.ok()) return gathered.status();
  std::vector<double> lambdas = {.99, .995, .998, .999, .9995, .9998};
  if (options.lambda > 0) lambdas = {options.lambda};
  constexpr double kFirstDelta = 5e-3;
  double delta = std::numeric_limits<double>::infinity();
  std::vector<std::vector<SchedulePoint>> at(lambdas.size(), *gathered);
  std::vector<double> parameters;
  for (size_t i = 0; i < lambdas.size(); ++i) {
    SetSums(curves, lambdas[i], options.anneal_from, at[i]);
    if (at[i].size() <= kTissue)
      return absl::FailedPreconditionError("too few points after the first step with a learning rate");
    const TissueFit first = FitAtLambda(at[i], lambdas[i], options.anneal_from, kFirstDelta, parameters);
    if (std::isfinite(first.objective)) delta = std::min(delta, DeltaOf(at[i], first.law));
  }
  TissueFit best;
  best.objective = std::numeric_limits<double>::infinity();
  std::vector<double> best_parameters;
  size_t chosen = 0;
  for (size_t i = 0; std::isfinite(delta) && i < lambdas.size(); ++i) {
    TissueFit fit = FitAtLambda(at[i], lambdas[i], options.anneal_from, delta, parameters);
    if (!(fit.objective < best.objective)) continue;
    best = std::move(fit);
    best_parameters = parameters;
    chosen = i;
  }
  if (!std::isfinite(best.objective)) {
    return NotIdentifiable("no point lies after the rate has fallen");
  }
  WarnOfStarts(best.converged, best.starts_at_optimum, best.starts, best.warnings);
  best.replicates = BootstrapTissue(best, at[chosen], best_parameters, options);
  return best;
}

}  // namespace sextant::fitting
