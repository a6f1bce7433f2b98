// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/schedule_points.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

constexpr size_t kMostCurves = 1000;

}  // namespace

absl::StatusOr<std::vector<SchedulePoint>> GatherSchedulePoints(std::span<const ScheduledCurve> curves,
                                                                const ScheduleFitOptions& options,
                                                                size_t constants) {
  if (curves.empty() || curves.size() > kMostCurves) {
    return absl::InvalidArgumentError("between 1 and " + std::to_string(kMostCurves) +
                                      " curves can be fitted");
  }
  if (options.points_per_curve < 2) return absl::InvalidArgumentError("points_per_curve must be at least 2");
  std::vector<SchedulePoint> points;
  bool falls = false;
  for (size_t c = 0; c < curves.size(); ++c) {
    const ScheduledCurve& curve = curves[c];
    const std::string name = "curve " + std::to_string(c);
    if (curve.learning_rate.empty() || curve.learning_rate.size() > kMaxScheduleSteps) {
      return absl::InvalidArgumentError(name + ": the schedule is empty or longer than " +
                                        std::to_string(kMaxScheduleSteps));
    }
    if (curve.step.size() != curve.loss.size())
      return absl::InvalidArgumentError(name + ": steps and losses differ in number");
    for (double rate : curve.learning_rate) {
      if (!(rate >= 0) || !std::isfinite(rate))
        return absl::InvalidArgumentError(name + ": a learning rate is not usable");
    }
    for (size_t i = options.anneal_from + 1; i < curve.learning_rate.size(); ++i) {
      falls = falls || curve.learning_rate[i] < curve.learning_rate[i - 1];
    }
    const size_t stride = (curve.step.size() + options.points_per_curve - 1) / options.points_per_curve;
    for (size_t i = 0; i < curve.step.size(); i += std::max<size_t>(stride, 1)) {
      if (curve.step[i] >= curve.learning_rate.size())
        return absl::InvalidArgumentError(name + ": a step beyond the schedule");
      if (!(curve.loss[i] > 0) || !std::isfinite(curve.loss[i])) continue;
      points.push_back({.loss = curve.loss[i], .curve = c, .step = curve.step[i]});
    }
  }
  if (points.size() <= constants) {
    return absl::FailedPreconditionError(std::to_string(points.size()) + " points for " +
                                         std::to_string(constants) + " constants are too few");
  }
  if (!falls) {
    return NotIdentifiable("the learning rate never falls, so what annealing gains is not determined");
  }
  return points;
}

PowerPart FitPowerPart(const std::vector<SchedulePoint>& points, double alpha) {
  double x = 0, y = 0, xx = 0, xy = 0;
  const auto n = static_cast<double>(points.size());
  double least = std::numeric_limits<double>::infinity();
  for (const SchedulePoint& p : points) {
    const double power = std::pow(p.s1, -alpha);
    x += power / n;
    y += p.loss / n;
    xx += power * power / n;
    xy += power * p.loss / n;
    least = std::min(least, p.loss);
  }
  const double a = std::max((xy - x * y) / std::max(xx - x * x, 1e-300), 1e-6 * least);
  return {std::clamp(y - a * x, 0.05 * least, 0.99 * least), a};
}

void SetSums(std::span<const ScheduledCurve> curves, double lambda, size_t anneal_from,
             std::vector<SchedulePoint>& points) {
  for (size_t c = 0; c < curves.size(); ++c) {
    const TissueSums sums = ComputeTissueSums(curves[c].learning_rate, lambda, anneal_from);
    for (SchedulePoint& p : points) {
      if (p.curve != c) continue;
      p.s1 = sums.s1[p.step];
      p.s2 = sums.s2[p.step];
    }
  }
  // A loss before any learning says nothing about S1^-alpha.
  std::erase_if(points, [](const SchedulePoint& p) { return !(p.s1 > 0); });
}

void WarnOfStarts(bool converged, int at_optimum, int starts, std::vector<std::string>& warnings) {
  if (!converged) warnings.push_back("the solver stopped before converging");
  if (at_optimum * 5 < starts) {
    warnings.push_back("only " + std::to_string(at_optimum) + " of " + std::to_string(starts) +
                       " starts reached the optimum");
  }
}

}  // namespace sextant::fitting
