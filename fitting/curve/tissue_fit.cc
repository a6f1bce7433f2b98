// SPDX-License-Identifier: Apache-2.0
// The fit of Tissue's law (schedule_fit.h).
#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "fitting/curve/dense_solver.h"
#include "fitting/curve/schedule_fit.h"
#include "fitting/curve/schedule_points.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

// Logarithms of L0, A, alpha, C.
DenseProblem TissueProblem(const std::vector<SchedulePoint>& points) {
  DenseProblem problem;
  problem.residuals = static_cast<int>(points.size());
  problem.parameters = 4;
  problem.lower = {-20, -30, std::log(0.01), -30};
  problem.upper = {10, 30, std::log(5.0), 30};
  problem.evaluate = [&points](const double* p, double* r, double* jacobian) {
    const double l0 = std::exp(p[0]), a = std::exp(p[1]), alpha = std::exp(p[2]), c = std::exp(p[3]);
    for (size_t i = 0; i < points.size(); ++i) {
      const double power = a * std::pow(points[i].s1, -alpha), loss = l0 + power - c * points[i].s2;
      if (!(loss > 0)) return false;
      double slope = 1;
      r[i] = HuberResidual(std::log(loss / points[i].loss), kScheduleHuber, &slope);
      if (jacobian == nullptr) continue;
      const double scale = slope / loss;
      jacobian[4 * i] = scale * l0;
      jacobian[4 * i + 1] = scale * power;
      jacobian[4 * i + 2] = -scale * power * alpha * std::log(points[i].s1);
      jacobian[4 * i + 3] = -scale * c * points[i].s2;
    }
    return true;
  };
  return problem;
}

}  // namespace

absl::StatusOr<TissueFit> FitTissue(std::span<const ScheduledCurve> curves,
                                    const ScheduleFitOptions& options) {
  if (!(options.lambda >= 0 && options.lambda < 1))
    return absl::InvalidArgumentError("lambda must lie in [0, 1)");
  absl::StatusOr<std::vector<SchedulePoint>> gathered = GatherSchedulePoints(curves, options, 4);
  if (!gathered.ok()) return gathered.status();
  std::vector<double> lambdas = {.99, .995, .998, .999, .9995, .9998};
  if (options.lambda > 0) lambdas = {options.lambda};
  TissueFit best;
  best.objective = std::numeric_limits<double>::infinity();
  for (double lambda : lambdas) {
    std::vector<SchedulePoint> points = *gathered;
    SetSums(curves, lambda, options.anneal_from, points);
    if (points.size() <= 4)
      return absl::FailedPreconditionError("too few points after the first step with a learning rate");
    // The rise of a warm-up counts against the falls after it: s2 may be below 0 everywhere.
    double lowest = points.front().s2, highest = lowest;
    for (const SchedulePoint& p : points) {
      lowest = std::min(lowest, p.s2);
      highest = std::max(highest, p.s2);
    }
    const double reach = highest - lowest;
    if (!(reach > 0)) continue;
    std::vector<std::vector<double>> starts;
    for (double alpha : {.25, .5, .9}) {
      const PowerPart power = FitPowerPart(points, alpha);
      for (double gain : {.01, .1}) {
        starts.push_back(
            {std::log(power.l0), std::log(power.a), std::log(alpha), std::log(gain * power.l0 / reach)});
      }
    }
    TissueFit fit;
    fit.starts = static_cast<int>(starts.size());
    const DenseSolution solution = SolveFromStarts(TissueProblem(points), starts, &fit.starts_at_optimum);
    fit.objective = solution.objective / 2;
    if (!(fit.objective < best.objective)) continue;
    const std::vector<double>& p = solution.parameters;
    fit.law = {std::exp(p[0]), std::exp(p[1]), std::exp(p[2]), std::exp(p[3]), lambda, options.anneal_from};
    fit.converged = solution.converged;
    for (const SchedulePoint& q : points) {
      const double loss = fit.law.l0 + fit.law.a * std::pow(q.s1, -fit.law.alpha) - fit.law.c * q.s2;
      fit.relative_error += std::fabs(loss / q.loss - 1) / static_cast<double>(points.size());
    }
    best = fit;
  }
  if (!std::isfinite(best.objective)) {
    return NotIdentifiable("no point lies after the rate has fallen");
  }
  WarnOfStarts(best.converged, best.starts_at_optimum, best.starts, best.warnings);
  return best;
}

}  // namespace sextant::fitting
