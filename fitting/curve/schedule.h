// SPDX-License-Identifier: Apache-2.0
// Learning-rate schedules, and the loss laws that are sums over one.
//
// A schedule is the learning rate of every optimizer step: element i belongs to step i + 1. Pure functions,
// thread-safe. Bounded: kMaxScheduleSteps.
#ifndef SEXTANT_FITTING_CURVE_SCHEDULE_H_
#define SEXTANT_FITTING_CURVE_SCHEDULE_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sextant::fitting {

inline constexpr size_t kMaxScheduleSteps = 20'000'000;

enum class DecayShape { kConstant, kCosine, kLinear, kWsd, kInverseSqrt };

struct ScheduleSpec {
  DecayShape shape = DecayShape::kCosine;
  double peak_learning_rate = 0;
  double final_learning_rate = 0;  // where the decay ends; ignored by constant and inverse square root
  double total_steps = 0;
  double warmup_steps = 0;   // linear from 0: step i of the warm-up has peak * i / warmup
  double decay_share = 0.1;  // of total_steps, for kWsd (linear decay)
};

// "constant", "cosine", "linear", "wsd", "inverse-sqrt"; InvalidArgument otherwise.
absl::StatusOr<DecayShape> ParseDecayShape(const std::string& name);
const char* DecayShapeName(DecayShape shape);
// The learning rate of one step (1 for the first) of a spec that MakeSchedule accepts.
double RateAt(const ScheduleSpec& spec, double step);
// The learning rate of every step; InvalidArgument naming the field when the spec makes no sense.
absl::StatusOr<std::vector<double>> MakeSchedule(const ScheduleSpec& spec);

// Tissue et al. 2024, arXiv 2408.11029: L(s) = L0 + A S1^-alpha - C S2, with S1 the sum of learning rates and
// S2 the sum of m_i = lambda m_(i-1) + (eta_(i-1) - eta_i).
struct TissueLaw {
  double l0 = 0, a = 0, alpha = 0, c = 0, lambda = 0.999;
  // Rate changes at or before this step (0-based) do not enter S2; 0 counts every change.
  size_t anneal_from = 0;
};
struct TissueSums {
  std::vector<double> s1, s2;  // after every step
};
TissueSums ComputeTissueSums(std::span<const double> learning_rate, double lambda, size_t anneal_from = 0);
// Loss after every step of the schedule.
std::vector<double> TissueLoss(const TissueLaw& law, std::span<const double> learning_rate);

// Multi-power law, Luo et al. 2025, arXiv 2503.12811:
//   L(t) = L0 + A S1(t)^-alpha - B sum_{k<=t} (eta_(k-1) - eta_k) (1 - (1 + C eta_k^-gamma S_k(t))^-beta),
// S_k(t) the sum of learning rates of steps k to t inclusive, S1 the sum from the first step (warm-up
// included).
struct MultiPowerLaw {
  double l0 = 0, a = 0, alpha = 0, b = 0, c = 0, beta = 0, gamma = 0;
};
// Loss after each of `steps` (0-based indices into the schedule, each < its length). Exact; the cost is the
// number of steps asked for times the number of steps at which the rate changes.
std::vector<double> MultiPowerLoss(const MultiPowerLaw& law, std::span<const double> learning_rate,
                                   std::span<const size_t> steps);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_SCHEDULE_H_
