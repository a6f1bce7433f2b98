// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "absl/status/status.h"

namespace sextant::fitting {

absl::StatusOr<DecayShape> ParseDecayShape(const std::string& name) {
  if (name == "constant") return DecayShape::kConstant;
  if (name == "cosine") return DecayShape::kCosine;
  if (name == "linear") return DecayShape::kLinear;
  if (name == "wsd") return DecayShape::kWsd;
  if (name == "inverse-sqrt") return DecayShape::kInverseSqrt;
  return absl::InvalidArgumentError("schedule '" + name.substr(0, 40) +
                                    "' is not known; use constant, cosine, linear, wsd or inverse-sqrt");
}

const char* DecayShapeName(DecayShape shape) {
  switch (shape) {
    case DecayShape::kConstant:
      return "constant";
    case DecayShape::kCosine:
      return "cosine";
    case DecayShape::kLinear:
      return "linear";
    case DecayShape::kWsd:
      return "wsd";
    case DecayShape::kInverseSqrt:
      return "inverse-sqrt";
  }
  return "unknown";
}

double RateAt(const ScheduleSpec& spec, double step) {
  const double peak = spec.peak_learning_rate, floor = spec.final_learning_rate;
  if (step <= spec.warmup_steps) return peak * step / spec.warmup_steps;
  const double decay_steps = std::max(1.0, spec.total_steps - spec.warmup_steps);
  const double share = std::clamp((step - spec.warmup_steps) / decay_steps, 0.0, 1.0);
  switch (spec.shape) {
    case DecayShape::kConstant:
      return peak;
    case DecayShape::kCosine:
      return floor + 0.5 * (peak - floor) * (1 + std::cos(std::numbers::pi * share));
    case DecayShape::kLinear:
      return peak + (floor - peak) * share;
    case DecayShape::kWsd: {
      const double wsd_steps = std::max(1.0, spec.decay_share * spec.total_steps);
      const double into_decay = step - (spec.total_steps - wsd_steps);
      return into_decay <= 0 ? peak : peak + (floor - peak) * std::min(1.0, into_decay / wsd_steps);
    }
    case DecayShape::kInverseSqrt:
      return peak * std::sqrt(std::max(1.0, spec.warmup_steps) / step);
  }
  return peak;
}

absl::StatusOr<std::vector<double>> MakeSchedule(const ScheduleSpec& spec) {
  if (!(spec.total_steps >= 1) || spec.total_steps > static_cast<double>(kMaxScheduleSteps)) {
    return absl::InvalidArgumentError("total_steps must be between 1 and " +
                                      std::to_string(kMaxScheduleSteps));
  }
  if (!(spec.peak_learning_rate > 0) || !std::isfinite(spec.peak_learning_rate)) {
    return absl::InvalidArgumentError("peak_learning_rate must be positive and finite");
  }
  if (!(spec.final_learning_rate >= 0) || spec.final_learning_rate > spec.peak_learning_rate) {
    return absl::InvalidArgumentError("final_learning_rate must lie between 0 and the peak");
  }
  if (!(spec.warmup_steps >= 0) || spec.warmup_steps >= spec.total_steps) {
    return absl::InvalidArgumentError("warmup_steps must be at least 0 and below total_steps");
  }
  if (!(spec.decay_share > 0) || spec.decay_share > 1) {
    return absl::InvalidArgumentError("decay_share must lie in (0, 1]");
  }
  std::vector<double> rate(static_cast<size_t>(spec.total_steps));
  for (size_t i = 0; i < rate.size(); ++i) rate[i] = RateAt(spec, static_cast<double>(i) + 1);
  return rate;
}

TissueSums ComputeTissueSums(std::span<const double> learning_rate, double lambda, size_t anneal_from) {
  TissueSums sums;
  sums.s1.reserve(learning_rate.size());
  sums.s2.reserve(learning_rate.size());
  double s1 = 0, s2 = 0, momentum = 0;
  for (size_t i = 0; i < learning_rate.size(); ++i) {
    s1 += learning_rate[i];
    const double change = i == 0 || i <= anneal_from ? 0 : learning_rate[i - 1] - learning_rate[i];
    momentum = lambda * momentum + change;
    s2 += momentum;
    sums.s1.push_back(s1);
    sums.s2.push_back(s2);
  }
  return sums;
}

std::vector<double> TissueLoss(const TissueLaw& law, std::span<const double> learning_rate) {
  const TissueSums sums = ComputeTissueSums(learning_rate, law.lambda, law.anneal_from);
  std::vector<double> loss(learning_rate.size());
  for (size_t i = 0; i < loss.size(); ++i) {
    loss[i] = law.l0 + law.a * std::pow(sums.s1[i], -law.alpha) - law.c * sums.s2[i];
  }
  return loss;
}

std::vector<double> MultiPowerLoss(const MultiPowerLaw& law, std::span<const double> learning_rate,
                                   std::span<const size_t> steps) {
  std::vector<double> sum(learning_rate.size());
  std::vector<size_t> changes;
  std::vector<double> drop, scale;
  double total = 0;
  for (size_t i = 0; i < learning_rate.size(); ++i) {
    total += learning_rate[i];
    sum[i] = total;
    // At rate zero nothing more is gained: C eta^-gamma S_k is 0 there because S_k is.
    if (i == 0 || learning_rate[i] == learning_rate[i - 1]) continue;
    changes.push_back(i);
    drop.push_back(learning_rate[i - 1] - learning_rate[i]);
    scale.push_back(learning_rate[i] > 0 ? law.c * std::pow(learning_rate[i], -law.gamma) : 0);
  }
  std::vector<double> loss;
  loss.reserve(steps.size());
  for (size_t t : steps) {
    if (t >= learning_rate.size()) {
      loss.push_back(std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    double gained = 0;
    for (size_t j = 0; j < changes.size() && changes[j] <= t; ++j) {
      const double since = sum[t] - sum[changes[j] - 1];
      gained += drop[j] * (1 - std::pow(1 + scale[j] * since, -law.beta));
    }
    loss.push_back(law.l0 + law.a * std::pow(sum[t], -law.alpha) - law.b * gained);
  }
  return loss;
}

}  // namespace sextant::fitting
