// SPDX-License-Identifier: Apache-2.0
// The fit of the multi-power law (schedule_fit.h).
#include <algorithm>
#include <array>
#include <cmath>

#include "absl/status/status.h"
#include "fitting/curve/dense_solver.h"
#include "fitting/curve/schedule_fit.h"
#include "fitting/curve/schedule_points.h"

namespace sextant::fitting {
namespace {

constexpr size_t kMostChanges = 160;

// A schedule's falls and rises merged into few: drop, the rate after it, and the sum of rates before it.
struct Change {
  double drop = 0, rate = 0, sum_before = 0;
  size_t step = 0;
};
std::vector<Change> MergeChanges(const std::vector<double>& rate) {
  double total = 0;
  for (size_t i = 1; i < rate.size(); ++i) total += std::fabs(rate[i] - rate[i - 1]);
  std::vector<Change> changes;
  double sum = rate[0], within = 0;
  Change open;
  size_t begin = 0, last = 0;  // the first and the last step of the open change at which the rate changed
  const auto close = [&] {
    if (open.drop == 0) return;
    // The whole fall is placed in the middle of the stretch it came from. What lies between its last change
    // and the next one, or the end, is no part of that stretch: the rate stood still there.
    const size_t middle = (begin + last) / 2;
    open.step = middle;
    open.rate = rate[middle];
    changes.push_back(open);
    open = {};
    within = 0;
  };
  for (size_t i = 1; i < rate.size(); ++i) {
    const double drop = rate[i - 1] - rate[i];
    if (drop != 0) {
      // A change of direction, or a stretch long enough, ends the merged change.
      if (open.drop != 0 &&
          ((drop > 0) != (open.drop > 0) || within >= total / kMostChanges || begin + 200 < i)) {
        close();
      }
      if (open.drop == 0) begin = i;
      last = i;
      open.drop += drop;
      within += std::fabs(drop);
    }
    sum += rate[i];
  }
  close();
  sum = 0;
  size_t next = 0;
  for (size_t i = 0; i < rate.size() && next < changes.size(); ++i) {
    while (next < changes.size() && changes[next].step == i) changes[next++].sum_before = sum;
    sum += rate[i];
  }
  std::erase_if(changes, [](const Change& c) { return !(c.rate > 0); });  // at rate zero nothing is gained
  return changes;
}

// Logarithms of L0, A, alpha, B, C, beta, gamma.
constexpr int kMultiPower = 7;
DenseProblem MultiPowerProblem(const std::vector<SchedulePoint>& points,
                               const std::vector<std::vector<Change>>& changes) {
  DenseProblem problem;
  problem.residuals = static_cast<int>(points.size());
  problem.parameters = kMultiPower;
  problem.lower = {-20, -30, std::log(0.01), -30, -30, std::log(0.02), std::log(0.02)};
  problem.upper = {10, 30, std::log(5.0), 40, 30, std::log(5.0), std::log(3.0)};
  problem.evaluate = [&](const double* p, double* r, double* jacobian) {
    std::array<double, kMultiPower> v{};
    for (int k = 0; k < kMultiPower; ++k) v[k] = std::exp(p[k]);
    const auto [l0, a, alpha, b, c, beta, gamma] = v;
    std::vector<std::vector<double>> scales;
    for (const auto& curve : changes) {
      std::vector<double> scale;
      for (const Change& change : curve) scale.push_back(c * std::pow(change.rate, -gamma));
      scales.push_back(std::move(scale));
    }
    for (size_t i = 0; i < points.size(); ++i) {
      const SchedulePoint& point = points[i];
      const std::vector<Change>& curve = changes[point.curve];
      double gained = 0, by_c = 0, by_beta = 0, by_gamma = 0;
      for (size_t j = 0; j < curve.size() && curve[j].step <= point.step; ++j) {
        const double q = scales[point.curve][j] * (point.s1 - curve[j].sum_before);
        const double log_term = std::log1p(q), power = std::exp(-beta * log_term);
        gained += curve[j].drop * (1 - power);
        if (jacobian == nullptr) continue;
        const double inner = curve[j].drop * beta * power * q / (1 + q);  // d gained / d ln q
        by_c += inner;
        by_gamma -= inner * std::log(curve[j].rate) * gamma;
        by_beta += curve[j].drop * power * log_term * beta;
      }
      const double term = a * std::pow(point.s1, -alpha), loss = l0 + term - b * gained;
      if (!(loss > 0) || !std::isfinite(loss)) return false;
      double slope = 1;
      r[i] = HuberResidual(std::log(loss / point.loss), kScheduleHuber, &slope);
      if (jacobian == nullptr) continue;
      const double scale = slope / loss;
      double* row = jacobian + i * kMultiPower;
      row[0] = scale * l0;
      row[1] = scale * term;
      row[2] = -scale * term * alpha * std::log(point.s1);
      row[3] = -scale * b * gained;
      row[4] = -scale * b * by_c;
      row[5] = -scale * b * by_beta;
      row[6] = -scale * b * by_gamma;
    }
    return true;
  };
  return problem;
}

}  // namespace

absl::StatusOr<MultiPowerFit> FitMultiPower(std::span<const ScheduledCurve> curves,
                                            const ScheduleFitOptions& options) {
  absl::StatusOr<std::vector<SchedulePoint>> gathered = GatherSchedulePoints(curves, options, kMultiPower);
  if (!gathered.ok()) return gathered.status();
  std::vector<SchedulePoint> points = *gathered;
  SetSums(curves, 0.5, 0, points);
  std::vector<std::vector<Change>> changes;
  double peak = 0, total = 0;
  for (const ScheduledCurve& curve : curves) {
    changes.push_back(MergeChanges(curve.learning_rate));
    peak = std::max(peak, *std::max_element(curve.learning_rate.begin(), curve.learning_rate.end()));
  }
  for (const SchedulePoint& p : points) total = std::max(total, p.s1);
  if (points.size() <= kMultiPower)
    return absl::FailedPreconditionError("too few points after the first step with a learning rate");
  std::vector<std::vector<double>> starts;
  for (double alpha : {.3, .5, .8}) {
    const PowerPart power = FitPowerPart(points, alpha);
    for (double gain : {.03, .15}) {
      for (double gamma : {.3, .7}) {
        // q is near one when a tenth of all rates has passed since a change near the peak.
        const double c = 10 / total * std::pow(peak, gamma);
        starts.push_back({std::log(power.l0), std::log(power.a), std::log(alpha),
                          std::log(gain * power.l0 / peak), std::log(c), std::log(.6), std::log(gamma)});
      }
    }
  }
  MultiPowerFit fit;
  fit.starts = static_cast<int>(starts.size());
  const DenseSolution solution =
      SolveFromStarts(MultiPowerProblem(points, changes), starts, &fit.starts_at_optimum);
  const std::vector<double>& p = solution.parameters;
  fit.law = {std::exp(p[0]), std::exp(p[1]), std::exp(p[2]), std::exp(p[3]),
             std::exp(p[4]), std::exp(p[5]), std::exp(p[6])};
  fit.objective = solution.objective / 2;
  fit.converged = solution.converged;
  for (size_t c = 0; c < curves.size(); ++c) {
    std::vector<size_t> steps;
    std::vector<double> losses;
    for (const SchedulePoint& q : points) {
      if (q.curve != c) continue;
      steps.push_back(q.step);
      losses.push_back(q.loss);
    }
    const std::vector<double> exact = MultiPowerLoss(fit.law, curves[c].learning_rate, steps);
    for (size_t i = 0; i < steps.size(); ++i) {
      fit.relative_error += std::fabs(exact[i] / losses[i] - 1) / static_cast<double>(points.size());
    }
  }
  WarnOfStarts(fit.converged, fit.starts_at_optimum, fit.starts, fit.warnings);
  return fit;
}

}  // namespace sextant::fitting
