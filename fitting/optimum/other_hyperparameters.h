// SPDX-License-Identifier: Apache-2.0
// Sweeps over more than rate and batch: weight decay or beta2 varied beside them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fitting/run_table.h"

namespace sextant::fitting::optimum {

/// A column of RunTable.
struct Hyperparameter {
  const char* name;
  std::vector<double> RunTable::*column;
};

inline constexpr Hyperparameter kLearningRate{"learning_rate", &RunTable::learning_rate};
inline constexpr Hyperparameter kBatchSize{"batch_size_tokens", &RunTable::batch_size_tokens};
inline constexpr Hyperparameter kWeightDecay{"weight_decay", &RunTable::weight_decay};
inline constexpr Hyperparameter kAdamBeta2{"adam_beta2", &RunTable::adam_beta2};

struct OneSetting {
  std::optional<RunTable> runs;       ///< the rows kept, in order; absent: all of them, as given
  std::vector<std::string> warnings;  ///< what was left out, and why

  const RunTable& Of(const RunTable& given) const { return runs ? *runs : given; }
};

/// Keeps one setting of `others` at each point of `axes` within each cell (N, D and model), so that a fit
/// over the axes does not take the effect of the others for noise. Where a cell crosses them with its points,
/// the setting with the lowest mean loss at the point stays: the point at its best others. Where the others
/// vary at a few points only, the setting that most points of the cell share stays. Where they vary together
/// with the axes, everything stays and a warning says so. Values within `tolerance` (relative) are one;
/// repeats of one setting all stay. Columns of length 0 count as not recorded. Thread-safe.
OneSetting KeepOneSetting(const RunTable& runs, const std::vector<Hyperparameter>& axes,
                          const std::vector<Hyperparameter>& others, double tolerance);

/// The same for laws of rate and batch, with weight decay and beta2 beside them.
OneSetting KeepOneSettingOfOthers(const RunTable& runs, double tolerance);

/// One key a run: equal where `columns` are equal within the tolerance.
std::vector<std::vector<int>> LevelKeys(const RunTable& runs, const std::vector<Hyperparameter>& columns,
                                        double tolerance);

}  // namespace sextant::fitting::optimum
