// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/evaluators/schedule_evaluator.h"

#include <cmath>
#include <limits>

namespace sextant::fitting {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The 0-based step of t, or false when the schedule does not reach it.
bool StepOf(const ScheduleSums& schedule, double t, std::size_t& step) {
  if (!(t >= 0) || t >= static_cast<double>(schedule.rate_sum.size())) return false;
  step = static_cast<std::size_t>(t);
  return true;
}

// Tissue et al. 2024 (2408.11029): L = L0 + A S1^-alpha - C S2. S1 sums the rates; S2 sums m_i = lambda
// m_(i-1) + (rate drop at i). A drop at step k is in S2 with 1 + lambda + … + lambda^(t-k).
double Tissue(const ScheduleSums& schedule, double t, const double* p, double* gradient) {
  const double l0 = p[0], a = p[1], alpha = p[2], c = p[3], lambda = p[4];
  std::size_t step = 0;
  if (!StepOf(schedule, t, step) || !(lambda > 0) || !(lambda < 1)) return kNaN;
  const double s1 = schedule.rate_sum[step], power = std::pow(s1, -alpha);
  double s2 = 0, by_lambda = 0;
  for (const ScheduleSums::Change& change : schedule.changes) {
    if (change.step > step) break;
    const auto terms = static_cast<double>(step - change.step + 1);
    const double last = std::pow(lambda, terms);
    s2 += change.drop * (1 - last) / (1 - lambda);
    by_lambda +=
        change.drop * ((1 - last) / ((1 - lambda) * (1 - lambda)) - terms * last / (lambda * (1 - lambda)));
  }
  if (gradient != nullptr) {
    gradient[0] = 1;
    gradient[1] = power;
    gradient[2] = -a * power * std::log(s1);
    gradient[3] = -s2;
    gradient[4] = -c * by_lambda;
  }
  return l0 + a * power - c * s2;
}

// Luo et al. 2025 (2503.12811): L = L0 + A S1^-alpha - B sum_k drop_k (1 - (1 + C rate_k^-gamma S_k)^-beta),
// S_k the sum of the rates from step k to t.
double MultiPower(const ScheduleSums& schedule, double t, const double* p, double* gradient) {
  const double l0 = p[0], a = p[1], alpha = p[2], b = p[3], c = p[4], beta = p[5], gamma = p[6];
  std::size_t step = 0;
  if (!StepOf(schedule, t, step)) return kNaN;
  const double s1 = schedule.rate_sum[step], power = std::pow(s1, -alpha);
  double gained = 0, by_c = 0, by_beta = 0, by_gamma = 0;
  for (const ScheduleSums::Change& change : schedule.changes) {
    if (change.step > step) break;
    if (std::isinf(change.log_rate)) continue;  // at rate zero nothing more is gained
    const double since = s1 - schedule.rate_sum[change.step - 1];
    const double grown = std::exp(-gamma * change.log_rate) * since;
    const double base = 1 + c * grown, left = std::pow(base, -beta);
    gained += change.drop * (1 - left);
    const double inner = change.drop * beta * left / base * grown;  // d gained / d c
    by_c += inner;
    by_beta += change.drop * left * std::log(base);
    by_gamma -= inner * c * change.log_rate;
  }
  if (gradient != nullptr) {
    gradient[0] = 1;
    gradient[1] = power;
    gradient[2] = -a * power * std::log(s1);
    gradient[3] = -gained;
    gradient[4] = -b * by_c;
    gradient[5] = -b * by_beta;
    gradient[6] = -b * by_gamma;
  }
  return l0 + a * power - b * gained;
}

const std::vector<ScheduleEvaluator>& ScheduleEvaluators() {
  static const std::vector<ScheduleEvaluator> evaluators = {
      {"tissue", {"L0", "A", "alpha", "C", "lambda"}, Tissue},
      {"multi-power", {"L0", "A", "alpha", "B", "C", "beta", "gamma"}, MultiPower},
  };
  return evaluators;
}

}  // namespace

ScheduleSums::ScheduleSums(std::span<const double> learning_rate) {
  double total = 0;
  rate_sum.reserve(learning_rate.size());
  for (std::size_t i = 0; i < learning_rate.size(); ++i) {
    total += learning_rate[i];
    rate_sum.push_back(total);
    if (i > 0 && learning_rate[i] != learning_rate[i - 1]) {
      changes.push_back({i, learning_rate[i - 1] - learning_rate[i], std::log(learning_rate[i])});
    }
  }
}

const ScheduleEvaluator* FindScheduleEvaluator(const std::string& name) {
  for (const ScheduleEvaluator& evaluator : ScheduleEvaluators()) {
    if (evaluator.name == name) return &evaluator;
  }
  return nullptr;
}

std::vector<std::string> ScheduleEvaluatorNames() {
  std::vector<std::string> names;
  for (const ScheduleEvaluator& evaluator : ScheduleEvaluators()) names.push_back(evaluator.name);
  return names;
}

}  // namespace sextant::fitting
