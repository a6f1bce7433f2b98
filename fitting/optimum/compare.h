// SPDX-License-Identifier: Apache-2.0
// Which estimator to trust on a study: excess loss on cells it did not see.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting {

enum class HoldoutSplit : std::uint8_t {
  kLeaveOneCellOut,
  kLeaveOneModelOut,  ///< every N in turn, with all its cells
  kSmallToLarge,      ///< fitted to the smaller half of the N, scored on the larger
};

struct CompareOptions {
  std::vector<std::string> estimators;  ///< empty for all but "auto"
  std::vector<HoldoutSplit> splits = {HoldoutSplit::kLeaveOneCellOut, HoldoutSplit::kLeaveOneModelOut,
                                      HoldoutSplit::kSmallToLarge};
  LawVariables rate_variables = LawVariables::kParamsTokens;
  LawVariables batch_variables = LawVariables::kParamsTokens;
  double band = 0.0025;
  double grouping_tolerance = 0.003;
  std::function<bool()> cancelled;
};

/// Scores of one estimator on one split. Excess loss is that of excess_loss.h: percent above the minimum of a
/// smooth surface through the held-out cell's own runs.
struct SplitScore {
  std::string estimator;
  HoldoutSplit split;
  std::vector<double> excess_pct;  ///< one a scored cell, in cell order; NaN where the fold's fit was refused
  double mean_excess_pct = 0;      ///< over the cells that were answered; NaN if none
  double max_excess_pct = 0;
  int cells = 0;  ///< cells answered
};

struct Comparison {
  std::vector<SplitScore> scores;  ///< by split, then estimator; only those that answered a cell
  int cells_scored = 0;            ///< cells with enough runs for a surface of their own
  std::vector<std::string> warnings;
};

/// Fits every estimator to every fold of every split, in parallel, and scores rate and batch together; where
/// the study sweeps one of them only, that one. Laws that the whole design cannot determine (one N, or one D)
/// are replaced by those in the other variable, with a warning. A split that the study cannot make (one N) is
/// left out with a warning. NotIdentifiable (refusal.h) if no cell can be scored or no split
/// determines the laws.
absl::StatusOr<Comparison> CompareEstimators(const RunTable& runs, const CompareOptions& options);

/// Score of predictions of fitted laws on held-out runs; either fit may be null if its axis is not swept.
struct HeldOutScore {
  int runs = 0;
  int cells = 0;
  double mean_relative_error = 0;  ///< mean |predicted / cell's own optimum - 1| over both targets
  double mean_excess_loss = 0;     ///< relative (0.01 is 1 %)
};
absl::StatusOr<HeldOutScore> ScoreHeldOut(const RunTable& held_out, const OptimumFit* rate,
                                          const OptimumFit* batch, double grouping_tolerance = 0.003);

/// "leave-one-cell-out", "leave-one-N-out", "small-to-large".
std::string SplitName(HoldoutSplit split);

}  // namespace sextant::fitting
