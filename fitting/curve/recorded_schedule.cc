// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/recorded_schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace sextant::fitting {
namespace {

constexpr double kAtPeak = .98;              // of the peak: a rate counts as undecayed from here on
constexpr double kLongestWarmup = .1;        // of all steps, where the warm-up is read off the rates
constexpr double kAlike = .01, kMiss = .05;  // of the peak, mean distance of a shape from the rates
constexpr size_t kLeastRates = 4;

struct Rates {
  std::vector<double> step, share;  // share of the peak
};

Rates Usable(const LossCurve& curve, double total_steps) {
  Rates rates;
  if (curve.learning_rate.size() != curve.step.size()) return rates;
  double peak = 0;
  for (size_t i = 0; i < curve.step.size(); ++i) {
    const double step = curve.step[i], rate = curve.learning_rate[i];
    if (!(step >= 1) || !(step <= total_steps) || !(rate >= 0) || !std::isfinite(rate)) continue;
    rates.step.push_back(step);
    rates.share.push_back(rate);
    peak = std::max(peak, rate);
  }
  if (rates.step.size() < kLeastRates || !(peak > 0)) return {};
  for (double& share : rates.share) share /= peak;
  return rates;
}

double EndOfWarmup(const Rates& rates, double total_steps) {
  for (size_t i = 0; i < rates.step.size(); ++i) {
    if (rates.share[i] < kAtPeak) continue;
    return i > 0 && rates.step[i] <= kLongestWarmup * total_steps ? rates.step[i] : 0;
  }
  return 0;
}

// Sets the decay of kWsd; true when it is seen in the rates.
bool PlaceDecay(const Rates& rates, ScheduleSpec& schedule) {
  double at_peak = 0;
  for (size_t i = 0; i < rates.step.size(); ++i) {
    if (rates.share[i] >= kAtPeak) at_peak = std::max(at_peak, rates.step[i]);
  }
  const double last = *std::max_element(rates.step.begin(), rates.step.end());
  const double rest = 1 - at_peak / schedule.total_steps;
  const bool seen = last > at_peak;
  if (seen) {
    schedule.decay_share = rest;
  } else {
    schedule.decay_share = std::min(schedule.decay_share, rest);
  }
  schedule.decay_share = std::clamp(schedule.decay_share, 1 / schedule.total_steps, 1.0);
  return seen;
}

// Mean distance of the rates after the warm-up from the schedule, as a share of the peak; infinity when they
// cannot be compared.
double Distance(const Rates& rates, ScheduleSpec schedule) {
  schedule.peak_learning_rate = 1;
  const double floor = schedule.final_learning_rate;
  schedule.final_learning_rate = std::clamp(floor, 0.0, 1.0);
  double sum = 0, count = 0;
  for (size_t i = 0; i < rates.step.size(); ++i) {
    if (rates.step[i] <= schedule.warmup_steps) continue;
    sum += std::fabs(RateAt(schedule, rates.step[i]) - rates.share[i]);
    count += 1;
  }
  return count > 0 ? sum / count : std::numeric_limits<double>::infinity();
}

}  // namespace

RecordedSchedule ReadSchedule(const LossCurve& curve, const ScheduleSpec& declared, bool shape_known) {
  RecordedSchedule read{declared, false, {}};
  ScheduleSpec& schedule = read.schedule;
  if (!(schedule.total_steps >= 1) || !(schedule.peak_learning_rate > 0)) return read;
  const Rates rates = Usable(curve, schedule.total_steps);
  if (rates.step.empty()) return read;
  if (schedule.warmup_steps == 0) schedule.warmup_steps = EndOfWarmup(rates, schedule.total_steps);
  ScheduleSpec relative = schedule;
  relative.final_learning_rate = schedule.final_learning_rate / schedule.peak_learning_rate;
  const auto as = [&](DecayShape shape) {
    ScheduleSpec candidate = relative;
    candidate.shape = shape;
    if (shape == DecayShape::kWsd) PlaceDecay(rates, candidate);
    return candidate;
  };
  if (!shape_known) {
    double best = std::numeric_limits<double>::infinity();
    int alike = 0;
    constexpr std::array kShapes = {DecayShape::kCosine, DecayShape::kLinear, DecayShape::kWsd,
                                    DecayShape::kInverseSqrt, DecayShape::kConstant};
    std::array<double, kShapes.size()> distances{};
    for (size_t i = 0; i < kShapes.size(); ++i)
      best = std::min(best, distances[i] = Distance(rates, as(kShapes[i])));
    for (size_t i = kShapes.size(); i-- > 0;) {
      if (!(distances[i] <= best + kAlike)) continue;
      schedule.shape = kShapes[i];
      ++alike;
    }
    if (alike > 1) {
      read.warnings.push_back("the recorded rates do not yet tell the shape of the schedule: " +
                              std::string(DecayShapeName(schedule.shape)) + " is assumed");
    }
  } else if (const double distance = Distance(rates, as(schedule.shape));
             std::isfinite(distance) && distance > kMiss) {
    read.warnings.push_back("the recorded learning rates do not follow the schedule that the run declares (" +
                            std::string(DecayShapeName(schedule.shape)) + ")");
  }
  if (schedule.shape == DecayShape::kWsd) {
    const ScheduleSpec placed = as(DecayShape::kWsd);
    schedule.decay_share = placed.decay_share;
    read.decay_seen = PlaceDecay(rates, relative);
  }
  return read;
}

}  // namespace sextant::fitting
