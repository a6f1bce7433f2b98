// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/schedule_points.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "base/quantile.h"
#include "base/random.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

constexpr size_t kMostCurves = 1000;
constexpr double kSuddenChange = 0.05;  // of the peak, in one step
// Widths of a gathered value, in sums of rates: of the whole sum before it (a power of it bends by 2e-4
// inside) and of the sum since the last sudden change.
constexpr double kWidthOfAll = 0.06, kWidthSinceChange = 0.25;
constexpr size_t kMostRefined = 4;  // times points_per_curve: more sudden changes are not followed

// What gathering reads of a schedule, at every step.
struct StepSums {
  std::vector<double> sum;          // of the rates, the step's included
  std::vector<size_t> last_sudden;  // the last sudden change up to the step; 0 before the first
};
StepSums SumsOf(const std::vector<double>& rate) {
  StepSums sums;
  const double peak = *std::max_element(rate.begin(), rate.end());
  double total = 0;
  size_t last = 0;
  for (size_t i = 0; i < rate.size(); ++i) {
    if (i > 0 && std::fabs(rate[i] - rate[i - 1]) >= kSuddenChange * peak && peak > 0) last = i;
    total += rate[i];
    sums.sum.push_back(total);
    sums.last_sudden.push_back(last);
  }
  return sums;
}

constexpr double kSdPerMedian = 1.4826;  // of a Gaussian: standard deviation over median absolute deviation
constexpr double kEfficientHuber = 1.345;

// Huber's location: the mean, with what lies far from the median pulled in.
double RobustMean(const std::vector<double>& values) {
  double mean = 0;
  for (double v : values) mean += v / static_cast<double>(values.size());
  if (values.size() < 5) return mean;
  const double middle = Quantile(values, 0.5);
  std::vector<double> off;
  for (double v : values) off.push_back(std::fabs(v - middle));
  const double reach = kEfficientHuber * kSdPerMedian * Quantile(off, 0.5);
  if (!(reach > 0)) return middle;
  double centre = middle;
  for (int i = 0; i < 3; ++i) {
    double shift = 0, inside = 0;
    for (double v : values) {
      shift += std::clamp(v - centre, -reach, reach);
      inside += std::fabs(v - centre) <= reach ? 1 : 0;
    }
    centre += shift / std::max(inside, 1.0);
  }
  return centre;
}

struct UsablePoint {
  size_t step = 0;
  double log_loss = 0;
};

// Points [begin, end) of the curve as one.
SchedulePoint Gathered(const std::vector<UsablePoint>& points, size_t begin, size_t end, size_t curve) {
  std::vector<double> values;
  double steps = 0;
  for (size_t i = begin; i < end; ++i) {
    values.push_back(points[i].log_loss);
    steps += static_cast<double>(points[i].step);
  }
  const auto count = static_cast<double>(end - begin);
  SchedulePoint point;
  point.loss = std::exp(RobustMean(values));
  point.weight = count;
  point.curve = curve;
  point.step = static_cast<size_t>(std::lround(steps / count));
  return point;
}

void GatherCurve(const std::vector<UsablePoint>& points, const StepSums& sums, size_t full, bool refined,
                 size_t curve, std::vector<SchedulePoint>& gathered) {
  for (size_t begin = 0; begin < points.size();) {
    const size_t first = points[begin].step, sudden = sums.last_sudden[first];
    double width = kWidthOfAll * sums.sum[first];
    if (sudden > 0) width = std::min(width, kWidthSinceChange * (sums.sum[first] - sums.sum[sudden - 1]));
    size_t end = begin + 1;
    while (end < points.size() && end - begin < full) {
      const size_t step = points[end].step;
      if (refined && (sums.last_sudden[step] != sudden || sums.sum[step] - sums.sum[first] > width)) break;
      ++end;
    }
    gathered.push_back(Gathered(points, begin, end, curve));
    begin = end;
  }
}

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
  double largest = 1;
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
    std::vector<UsablePoint> usable;
    for (size_t i = 0; i < curve.step.size(); ++i) {
      if (curve.step[i] >= curve.learning_rate.size())
        return absl::InvalidArgumentError(name + ": a step beyond the schedule");
      if (!(curve.loss[i] > 0) || !std::isfinite(curve.loss[i])) continue;
      usable.push_back({curve.step[i], std::log(curve.loss[i])});
    }
    if (usable.empty()) continue;
    std::stable_sort(usable.begin(), usable.end(),
                     [](const UsablePoint& a, const UsablePoint& b) { return a.step < b.step; });
    const size_t full =
        std::max<size_t>(1, (usable.size() + options.points_per_curve - 1) / options.points_per_curve);
    largest = std::max(largest, static_cast<double>(full));
    const StepSums sums = SumsOf(curve.learning_rate);
    const size_t before = points.size();
    GatherCurve(usable, sums, full, true, c, points);
    if (points.size() - before > kMostRefined * options.points_per_curve) {
      points.resize(before);
      GatherCurve(usable, sums, full, false, c, points);
    }
  }
  for (SchedulePoint& point : points) point.weight /= largest;
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

ScheduleScatter MeasureScatter(const std::vector<SchedulePoint>& points, std::span<const double> residuals,
                               size_t constants) {
  constexpr double kSmoothedDelta = 1e-3;  // both papers'
  const auto n = static_cast<double>(points.size());
  const double freedom = n / std::max(1.0, n - static_cast<double>(constants));
  std::vector<double> size;
  for (double r : residuals.first(points.size())) size.push_back(std::fabs(r));
  ScheduleScatter scatter;
  scatter.delta =
      std::max(kSmoothedDelta, kEfficientHuber * kSdPerMedian * std::sqrt(freedom) * Quantile(size, 0.5));
  double squares = 0, inside = 0, neighbours = 0;
  double before = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    const double pull = std::clamp(residuals[i], -scatter.delta, scatter.delta);
    squares += pull * pull;
    inside += std::fabs(residuals[i]) <= scatter.delta ? 1 : 0;
    if (i > 0 && points[i].curve == points[i - 1].curve) neighbours += pull * before;
    before = pull;
  }
  const double shared = squares > 0 ? std::clamp(neighbours / squares, 0.0, 0.8) : 0;
  scatter.variance = freedom * squares / std::max(inside, 1.0) * (1 + shared) / (1 - shared);
  return scatter;
}

std::vector<double> DrawLogLosses(const std::vector<SchedulePoint>& points, std::span<const double> log_law,
                                  size_t constants, uint64_t seed, uint64_t replicate) {
  RandomStream random(seed, replicate);
  std::vector<size_t> of_curve;
  for (const SchedulePoint& point : points) {
    of_curve.resize(std::max(of_curve.size(), point.curve + 1));
    ++of_curve[point.curve];
  }
  const auto n = static_cast<double>(points.size());
  const double freedom = std::sqrt(n / std::max(1.0, n - static_cast<double>(constants)));
  std::vector<double> drawn(points.size());
  double sign = 1;
  size_t left = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    if (i > 0 && points[i].curve != points[i - 1].curve) left = 0;
    if (left == 0) {
      // The usual rate of growth of a block; its first end is drawn, so that no end is the same in all.
      const auto length =
          static_cast<size_t>(std::ceil(std::cbrt(static_cast<double>(of_curve[points[i].curve]))));
      const bool first = i == 0 || points[i].curve != points[i - 1].curve;
      left = first ? 1 + random.Index(length) : length;
      sign = random.Index(2) == 0 ? -1 : 1;
    }
    --left;
    drawn[i] = log_law[i] + sign * freedom * (std::log(points[i].loss) - log_law[i]);
  }
  return drawn;
}

void WarnOfStarts(bool converged, int at_optimum, int starts, std::vector<std::string>& warnings) {
  if (!converged) warnings.push_back("the solver stopped before converging");
  if (at_optimum * 5 < starts) {
    warnings.push_back("only " + std::to_string(at_optimum) + " of " + std::to_string(starts) +
                       " starts reached the optimum");
  }
}

}  // namespace sextant::fitting
