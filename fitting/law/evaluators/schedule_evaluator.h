// SPDX-License-Identifier: Apache-2.0
// Built-in evaluators of laws that are sums over a learning-rate schedule. A law file names one with
// `evaluator`; its one variable is t, the 0-based index of the last step done.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace sextant::fitting {

/// What the laws need of a schedule, computed once. Immutable.
struct ScheduleSums {
  /// `learning_rate[i]` is the rate of step i.
  explicit ScheduleSums(std::span<const double> learning_rate);

  struct Change {
    std::size_t step;  ///< the first step at the new rate
    double drop;       ///< old rate less new rate
    double log_rate;   ///< of the new rate; -inf at 0
  };
  std::vector<double> rate_sum;  ///< sum of the rates of steps 0 to i
  std::vector<Change> changes;   ///< in order of step
};

struct ScheduleEvaluator {
  std::string name;
  std::vector<std::string> parameters;
  /// Loss after step t; NaN outside the schedule or the law's domain. `gradient`, when not null, takes the
  /// derivatives by parameter, in the order above.
  double (*evaluate)(const ScheduleSums& schedule, double t, const double* parameters, double* gradient);
};

/// nullptr if there is none of that name.
const ScheduleEvaluator* FindScheduleEvaluator(const std::string& name);
std::vector<std::string> ScheduleEvaluatorNames();

}  // namespace sextant::fitting
