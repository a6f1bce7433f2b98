// SPDX-License-Identifier: Apache-2.0
// Steps to a fixed goal of any metric by batch: the trade-off of steps and examples, and its ranges.
#ifndef SEXTANT_FITTING_CRITICAL_BATCH_STEPS_TO_GOAL_H_
#define SEXTANT_FITTING_CRITICAL_BATCH_STEPS_TO_GOAL_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fitting/critical_batch/definitions.h"
#include "fitting/critical_batch/from_steps.h"

namespace sextant::fitting {

struct StepsToGoal {
  double batch = 0, steps = 0, learning_rate = 0;  // one run that reached the goal; rate 0: not known
};

// steps = a b / (b - c): Theorem 11 of the steepest-descent critical-batch note that generalises Sato and
// Iiduka, arXiv 2507.01598. Gradient evaluations, steps x batch, are fewest at b = 2 c.
struct SfoFit {
  bool answered = false;
  double a = 0, c = 0;
  BatchInterval fewest_gradients_batch;
  double misfit = 0;  // rms ln residual
};

struct StepsToGoalReport {
  std::vector<StepsToGoal> best;  // the fewest steps of each batch, by rising batch
  CriticalBatchEstimate hyperbola;
  // Shallue et al. 2019 (arXiv 1811.03600), read off the hyperbola: below `perfect_to` a doubled batch takes
  // at most 55 % of the steps, above `maximum_from` at least 90 %.
  std::optional<double> perfect_to, maximum_from;
  SfoFit sfo;
};

// Pure, thread-safe. `options.anchor_batch` and `overhead` are not read.
StepsToGoalReport AnalyzeStepsToGoal(std::span<const StepsToGoal> runs, const FromStepsOptions& options = {});

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CRITICAL_BATCH_STEPS_TO_GOAL_H_
