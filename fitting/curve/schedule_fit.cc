#include "fitting/curve/schedule_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "fitting/curve/dense_solver.h"

namespace sextant::fitting {
namespace {

constexpr double kHuber = 1e-3;
constexpr size_t kMostChanges = 160;
constexpr size_t kMostCurves = 1000;

struct Point {
  double s1 = 0, s2 = 0, loss = 0;
  size_t curve = 0, step = 0;
};

absl::StatusOr<std::vector<Point>> Gather(std::span<const ScheduledCurve> curves,
                                          const ScheduleFitOptions& options, size_t constants) {
  if (curves.empty() || curves.size() > kMostCurves) {
    return absl::InvalidArgumentError("between 1 and " + std::to_string(kMostCurves) +
                                      " curves can be fitted");
  }
  if (options.points_per_curve < 2) return absl::InvalidArgumentError("points_per_curve must be at least 2");
  std::vector<Point> points;
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
    return absl::FailedPreconditionError(
        "not identifiable: the learning rate never falls, so what annealing gains is not determined");
  }
  return points;
}

// L0 and A of the power part alone by least squares, for one alpha: where starts begin.
struct PowerPart {
  double l0 = 0, a = 0;
};
PowerPart FitPowerPart(const std::vector<Point>& points, double alpha) {
  double x = 0, y = 0, xx = 0, xy = 0;
  const auto n = static_cast<double>(points.size());
  double least = std::numeric_limits<double>::infinity();
  for (const Point& p : points) {
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
             std::vector<Point>& points) {
  for (size_t c = 0; c < curves.size(); ++c) {
    const TissueSums sums = ComputeTissueSums(curves[c].learning_rate, lambda, anneal_from);
    for (Point& p : points) {
      if (p.curve != c) continue;
      p.s1 = sums.s1[p.step];
      p.s2 = sums.s2[p.step];
    }
  }
  // A loss before any learning says nothing about S1^-alpha.
  std::erase_if(points, [](const Point& p) { return !(p.s1 > 0); });
}

// Logarithms of L0, A, alpha, C.
DenseProblem TissueProblem(const std::vector<Point>& points) {
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
      r[i] = HuberResidual(std::log(loss / points[i].loss), kHuber, &slope);
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
  size_t begin = 0;
  const auto close = [&](size_t end) {
    if (open.drop == 0) return;
    // The whole fall is placed in the middle of the stretch it came from.
    const size_t middle = (begin + end) / 2;
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
        close(i - 1);
      }
      if (open.drop == 0) begin = i;
      open.drop += drop;
      within += std::fabs(drop);
    }
    sum += rate[i];
  }
  close(rate.size() - 1);
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
DenseProblem MultiPowerProblem(const std::vector<Point>& points,
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
      const Point& point = points[i];
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
      r[i] = HuberResidual(std::log(loss / point.loss), kHuber, &slope);
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

void Comment(bool converged, int at_optimum, int starts, std::vector<std::string>& warnings) {
  if (!converged) warnings.push_back("the solver stopped before converging");
  if (at_optimum * 5 < starts) {
    warnings.push_back("only " + std::to_string(at_optimum) + " of " + std::to_string(starts) +
                       " starts reached the optimum");
  }
}

}  // namespace

absl::StatusOr<TissueFit> FitTissue(std::span<const ScheduledCurve> curves,
                                    const ScheduleFitOptions& options) {
  if (!(options.lambda >= 0 && options.lambda < 1))
    return absl::InvalidArgumentError("lambda must lie in [0, 1)");
  absl::StatusOr<std::vector<Point>> gathered = Gather(curves, options, 4);
  if (!gathered.ok()) return gathered.status();
  std::vector<double> lambdas = {.99, .995, .998, .999, .9995, .9998};
  if (options.lambda > 0) lambdas = {options.lambda};
  TissueFit best;
  best.objective = std::numeric_limits<double>::infinity();
  for (double lambda : lambdas) {
    std::vector<Point> points = *gathered;
    SetSums(curves, lambda, options.anneal_from, points);
    if (points.size() <= 4)
      return absl::FailedPreconditionError("too few points after the first step with a learning rate");
    double reach = 0;
    for (const Point& p : points) reach = std::max(reach, p.s2);
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
    for (const Point& q : points) {
      const double loss = fit.law.l0 + fit.law.a * std::pow(q.s1, -fit.law.alpha) - fit.law.c * q.s2;
      fit.relative_error += std::fabs(loss / q.loss - 1) / static_cast<double>(points.size());
    }
    best = fit;
  }
  if (!std::isfinite(best.objective)) {
    return absl::FailedPreconditionError("not identifiable: no point lies after the rate has fallen");
  }
  Comment(best.converged, best.starts_at_optimum, best.starts, best.warnings);
  return best;
}

absl::StatusOr<MultiPowerFit> FitMultiPower(std::span<const ScheduledCurve> curves,
                                            const ScheduleFitOptions& options) {
  absl::StatusOr<std::vector<Point>> gathered = Gather(curves, options, kMultiPower);
  if (!gathered.ok()) return gathered.status();
  std::vector<Point> points = *gathered;
  SetSums(curves, 0.5, 0, points);
  std::vector<std::vector<Change>> changes;
  double peak = 0, total = 0;
  for (const ScheduledCurve& curve : curves) {
    changes.push_back(MergeChanges(curve.learning_rate));
    peak = std::max(peak, *std::max_element(curve.learning_rate.begin(), curve.learning_rate.end()));
  }
  for (const Point& p : points) total = std::max(total, p.s1);
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
    for (const Point& q : points) {
      if (q.curve != c) continue;
      steps.push_back(q.step);
      losses.push_back(q.loss);
    }
    const std::vector<double> exact = MultiPowerLoss(fit.law, curves[c].learning_rate, steps);
    for (size_t i = 0; i < steps.size(); ++i) {
      fit.relative_error += std::fabs(exact[i] / losses[i] - 1) / static_cast<double>(points.size());
    }
  }
  Comment(fit.converged, fit.starts_at_optimum, fit.starts, fit.warnings);
  return fit;
}

}  // namespace sextant::fitting
