// SPDX-License-Identifier: Apache-2.0
#include "fitting/critical_batch/target_steps.h"

#include <algorithm>
#include <cmath>

namespace sextant::fitting {

std::optional<Crossing> FirstCrossing(const CleanCurve& curve, double target_loss) {
  const std::vector<double>& loss = curve.smoothed_loss;
  const size_t n = loss.size();
  if (n < 3 || loss[0] <= target_loss) return std::nullopt;  // reached before the first point: not readable
  // A single dip of noise is not yet the crossing: half of the next few points must be below too.
  for (size_t i = 1; i < n; ++i) {
    if (loss[i] > target_loss) continue;
    const size_t until = std::min(n, i + 5);
    size_t below = 0;
    for (size_t j = i; j < until; ++j) below += loss[j] <= target_loss;
    if (2 * below < until - i) continue;
    const double u0 = std::log(curve.x[i - 1]), u1 = std::log(curve.x[i]);
    const double v0 = std::log(loss[i - 1]), v1 = std::log(loss[i]), target = std::log(target_loss);
    const double share = v0 > v1 ? std::clamp((v0 - target) / (v0 - v1), 0.0, 1.0) : 1;
    // The slope over a wider stretch than one interval, and the noise that smoothing leaves.
    const size_t a = i >= 6 ? i - 6 : 0, b = std::min(n - 1, i + 5);
    const double slope = std::max(
        (std::log(loss[a]) - std::log(loss[b])) / (std::log(curve.x[b]) - std::log(curve.x[a])), 0.02);
    return Crossing{u0 + share * (u1 - u0), std::max(curve.quality.noise / 2, 1e-4) / slope};
  }
  return std::nullopt;
}

BestRate LeastOverRates(std::vector<RatePoint> points) {
  std::sort(points.begin(), points.end(),
            [](const RatePoint& a, const RatePoint& b) { return a.learning_rate < b.learning_rate; });
  const auto least = std::min_element(
      points.begin(), points.end(), [](const RatePoint& a, const RatePoint& b) { return a.value < b.value; });
  BestRate best{least->learning_rate, least->value, least->error, false, points.size() == 1};
  if (!(points.front().learning_rate > 0)) {  // not every rate is recorded: nothing to interpolate
    best.only_one = true;
    return best;
  }
  const auto k = static_cast<size_t>(least - points.begin());
  if (k == 0 || k + 1 == points.size()) {
    best.at_edge = points.size() > 1;
    return best;
  }
  const double x0 = std::log(points[k - 1].learning_rate), x1 = std::log(points[k].learning_rate),
               x2 = std::log(points[k + 1].learning_rate);
  if (!(x1 > x0 && x2 > x1)) return best;  // the same rate twice: nothing to interpolate
  const double left = (points[k].value - points[k - 1].value) / (x1 - x0);
  const double right = (points[k + 1].value - points[k].value) / (x2 - x1);
  const double curvature = (right - left) / (x2 - x0);
  if (!(curvature > 0)) return best;
  const double x = std::clamp(0.5 * (x0 + x1) - left / (2 * curvature), x0, x2);
  best.learning_rate = std::exp(x);
  best.value = points[k - 1].value + left * (x - x0) + curvature * (x - x0) * (x - x1);
  // What interpolation gained is as uncertain as it is large.
  best.error = std::hypot(least->error, 0.5 * (least->value - best.value));
  return best;
}

std::optional<HorizonReading> TokensToLoss(std::span<const HorizonPoint> points, double log_target,
                                           double reach) {
  if (points.size() < 2) return std::nullopt;
  // Only a loss that falls with every longer horizon can be inverted.
  for (size_t i = 1; i < points.size(); ++i) {
    if (!(points[i].log_loss < points[i - 1].log_loss)) return std::nullopt;
  }
  size_t k = 1;
  while (k + 1 < points.size() && points[k].log_loss > log_target) ++k;
  const HorizonPoint &a = points[k - 1], &b = points[k];
  const double slope = (a.log_loss - b.log_loss) / (b.log_tokens - a.log_tokens);
  HorizonReading reading;
  reading.log_tokens = a.log_tokens + (a.log_loss - log_target) / slope;
  reading.outside = std::max(
      {0.0, points.front().log_tokens - reading.log_tokens, reading.log_tokens - points.back().log_tokens});
  if (reading.outside > reach) return std::nullopt;
  // Errors of the two ends, and of the line where it is prolonged.
  reading.error = std::hypot(std::max(a.error, b.error) / slope, 0.3 * reading.outside);
  return reading;
}

}  // namespace sextant::fitting
