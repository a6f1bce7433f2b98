// SPDX-License-Identifier: Apache-2.0
// The next calibration runs: what shrinks the expected excess loss at a target most per FLOP.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <vector>

#include "fitting/design/optimum_belief.h"

namespace sextant::fitting::design {

struct SuggestOptions {
  Scale target = {};
  double budget_flops = 0;
  std::vector<Scale> cells = {};  ///< that runs may be of
  int most_runs = 64;
  double tolerance = 0.0025;         ///< expected relative excess loss that is good enough
  double step = 0.6931471805599453;  ///< between runs of one cell, in ln rate and ln batch
  double interval = 0.9;
};

struct SuggestedRun {
  Scale scale = {};
  double learning_rate = 0, batch_size_tokens = 0;
  int seed = 1;  ///< above 1: another seed of a setting that has been run
  double flops = 0;
  double expected_excess_after = 0;  ///< at the target, once this run and those before it are done
};

/// At the target: the belief before or after the suggested runs.
struct TargetBelief {
  double learning_rate = 0, rate_low = 0, rate_high = 0;
  double batch_size_tokens = 0, batch_low = 0, batch_high = 0;
  double expected_excess = 0;
};

struct Suggestion {
  std::vector<SuggestedRun> runs;
  TargetBelief before, after;
  double flops = 0;
  bool good_enough = false;  ///< before any run: the tolerance is met
  /// Reduction of the expected excess loss per FLOP by another seed of the best setting, and by a further
  /// cell; 0 where there is none.
  double gain_per_flop_seed = 0, gain_per_flop_cell = 0;
  std::vector<std::string> warnings;
};

/// Greedy: each step takes the pattern of runs (a cross of five in one cell, a line, one run beside others,
/// another seed) whose expected gain per FLOP is largest, until the budget, the number of runs or the
/// tolerance is reached. Runs under way count as done. InvalidArgument for options. Thread-safe.
absl::StatusOr<Suggestion> SuggestRuns(const BeliefData& data, const SuggestOptions& options);

}  // namespace sextant::fitting::design
