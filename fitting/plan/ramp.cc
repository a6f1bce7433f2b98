// SPDX-License-Identifier: Apache-2.0
#include "fitting/plan/ramp.h"

#include <absl/status/status.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>

namespace sextant::fitting {
namespace {

// The run is walked from here in steps of the logarithm of its tokens.
constexpr double kFirstShare = 0.002;
constexpr int kSteps = 400;

bool Inside(const Range& range, double value) { return value >= range.low && value <= range.high; }

}  // namespace

absl::StatusOr<BatchRamp> PlanRamp(const RampRequest& r) {
  struct Point {
    double tokens, loss, critical;
    bool inside;
  };
  std::vector<Point> points;
  for (int i = 0; i <= kSteps; ++i) {
    const double tokens = r.tokens * std::pow(kFirstShare, 1 - static_cast<double>(i) / kSteps);
    Point point{tokens, r.loss(tokens), 0, false};
    point.critical = r.critical_batch(point.loss, tokens);
    if (!(point.critical > 0 && std::isfinite(point.critical))) {
      return absl::FailedPreconditionError(
          absl::StrFormat("ramp: the law gives no critical batch at a loss of %.4g", point.loss));
    }
    point.inside =
        Inside(r.losses, point.loss) && Inside(r.measured_tokens, tokens) && point.critical <= r.batches.high;
    points.push_back(point);
  }
  const auto first =
      std::find_if(points.begin(), points.end(), [](const Point& point) { return point.inside; });
  if (first == points.end()) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "ramp: this run goes through losses of %.4g to %.4g and critical batches of %.3g to %.3g tokens; the "
        "critical batch is known for losses of %.4g to %.4g and batches up to %.3g: beyond that no ramp is "
        "given. Measure it there (EstimateCriticalBatch) or plan a smaller run",
        points.front().loss, points.back().loss, points.front().critical, points.back().critical,
        r.losses.low, r.losses.high, r.batches.high));
  }
  BatchRamp ramp;
  // The grid of batches: the plan's own, halved and doubled.
  const double cap = r.max_batch_size.value_or(std::numeric_limits<double>::infinity());
  const auto batch_for = [&](double critical) {
    const double largest = std::min(critical, cap);
    return r.batch_size_tokens * std::exp2(std::floor(std::log2(largest / r.batch_size_tokens) + 1e-9));
  };
  double batch = batch_for(first->critical);
  double begin = 0;
  Point at = *first;
  bool held = false;
  const auto close = [&](double end) {
    RampStage stage;
    stage.from_tokens = begin;
    stage.to_tokens = end;
    stage.batch_size_tokens = batch;
    stage.steps = (end - begin) / batch;
    if (r.learning_rate) stage.learning_rate = *r.learning_rate * std::sqrt(batch / r.batch_size_tokens);
    stage.loss = at.loss;
    stage.critical_batch = at.critical;
    ramp.steps += stage.steps;
    ramp.stages.push_back(stage);
  };
  for (auto point = first; point != points.end(); ++point) {
    if (!point->inside) {
      if (!held && point->critical > at.critical) {
        ramp.warnings.push_back(
            absl::StrFormat("beyond %.3g tokens (a loss of %.4g, a critical batch of %.3g) the critical "
                            "batch was not measured: the "
                            "batch is held there",
                            point->tokens, point->loss, point->critical));
        held = true;
      }
      continue;
    }
    const double wanted = batch_for(point->critical);
    if (!(wanted > batch)) continue;
    close(point->tokens);
    begin = point->tokens;
    batch = wanted;
    at = *point;
  }
  close(r.tokens);
  if (first != points.begin()) {
    ramp.warnings.push_back(absl::StrFormat(
        "the critical batch was not measured before %.3g tokens: the first batch is that of there",
        first->tokens));
  }
  ramp.steps_saved_share = 1 - ramp.steps / (r.tokens / ramp.stages.front().batch_size_tokens);
  return ramp;
}

}  // namespace sextant::fitting
