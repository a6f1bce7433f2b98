// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/own_outlook.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fitting/curve/form_ensemble.h"
#include "fitting/curve/log_curve.h"

namespace sextant::fitting {
namespace {

constexpr size_t kOwnBins = 60;  // of a curve's own fit

}  // namespace

OwnFall MeasureOwnFall(const CleanCurve& curve, const std::vector<double>& rate, const ScheduleSpec& schedule,
                       const Snapshot& seen, double tail_share) {
  std::vector<double> sum(rate.size());
  double total = 0;
  for (size_t i = 0; i < rate.size(); ++i) sum[i] = total += rate[i];
  const auto at = [&](double step) {
    const double rates = sum[static_cast<size_t>(std::clamp(step, 1.0, static_cast<double>(sum.size()))) - 1];
    // Rates next to nothing add up to nothing: a number all the same.
    return std::log(
        std::clamp(rates, std::numeric_limits<double>::min(), std::numeric_limits<double>::max()));
  };
  const double now = curve.x.back();
  LogCurve log_curve;
  // Warm-up leaves its mark for about as long again.
  const double from = std::max(2 * schedule.warmup_steps, 0.1 * now);
  const double first = at(std::max(from, curve.x.front())), last = at(now);
  const double width = (last - first) / kOwnBins;
  for (size_t i = 0; i < curve.x.size();) {
    if (curve.x[i] < from) {
      ++i;
      continue;
    }
    const double begin = at(curve.x[i]);
    double u = 0, v = 0, count = 0;
    // The first point belongs to its own bin, whatever rounding says.
    for (; i < curve.x.size() && (count == 0 || at(curve.x[i]) <= begin + width); ++i) {
      u += at(curve.x[i]);
      v += std::log(curve.loss[i]);
      count += 1;
    }
    log_curve.u.push_back(u / count - last);
    log_curve.v.push_back(v / count - seen.level);
    log_curve.weight.push_back(std::min(count, 4.0));
  }
  log_curve.noise = curve.quality.noise;
  const double end_step = (1 - 0.5 * tail_share) * schedule.total_steps;
  OwnFall own;
  own.level = seen.level;
  own.slope = std::max(0.0, -seen.features[1]);
  own.reach = at(end_step) - last;
  if (log_curve.u.size() >= 4) {
    // The fall from now on: what the forms miss of the level now would be taken for one.
    const FormEnsemble average(log_curve);
    own.miss = average.Predict(0);
    own.fall = own.miss - average.Predict(own.reach);
  }
  const auto rate_at = [&](double step) {
    return rate[static_cast<size_t>(std::clamp(step, 1.0, static_cast<double>(rate.size()))) - 1];
  };
  own.annealed = std::max(0.0, rate_at(now) - rate_at(end_step)) / schedule.peak_learning_rate;
  own.decay = std::clamp(1 - rate_at(end_step) / schedule.peak_learning_rate, own.annealed, 1.0);
  return own;
}

Outlook OwnOutlook(const OwnFall& own, const OwnTuning& tuning) {
  // Losses below one nat are no losses per token of language: there the gain goes by the slope alone.
  const double loss = std::exp(std::max(0.0, own.level));
  const double gain = tuning.gain * std::sqrt(own.slope / loss) * own.annealed;
  return {(1 - (1 - tuning.fall_share) * own.decay) * own.fall + gain,
          std::hypot(tuning.gain_spread * gain + tuning.least_gain_sd * own.annealed,
                     tuning.reach_sd * own.reach, own.miss)};
}

}  // namespace sextant::fitting
