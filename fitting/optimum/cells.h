// SPDX-License-Identifier: Apache-2.0
// Groups runs into (N, D) cells and snaps rates and batches on their log grid.
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting::optimum {

/// One eligible run. Values are as recorded; logs are natural.
struct CellRun {
  std::size_t row;  ///< in the RunTable
  double log_params;
  double log_tokens;
  double log_rate;   ///< NaN where not recorded
  double log_batch;  ///< NaN where not recorded
  double loss;       ///< finite, > 0
  int rate_level;    ///< index of the snapped rate in the study, -1 where not recorded
  int batch_level;   ///< likewise for the batch
};

/// Lowest and highest level tried, diverged runs included: a diverged run closes the grid on its side.
struct LevelSpan {
  int lowest = std::numeric_limits<int>::max();
  int highest = -1;
  void Include(int level);
  bool Swept() const { return highest > lowest; }
};

/// The runs of one (N, D), and of one model where several have that N. `runs` is never empty.
struct Cell {
  double log_params;  ///< mean over its runs
  double log_tokens;
  std::vector<CellRun> runs;
  LevelSpan rates;
  LevelSpan batches;
  int runs_diverged = 0;  ///< not in `runs`, but their rates and batches count as tried
  std::size_t best = 0;   ///< index in `runs` of the lowest loss, first among equals

  double best_loss() const { return runs[best].loss; }
};

/// Which quantities a run must record to be eligible.
struct CellNeeds {
  bool rate = false;
  bool batch = false;
};

struct CellTable {
  std::vector<Cell> cells;          ///< ordered by N, then D
  std::vector<double> rate_levels;  ///< lowest recorded value of each snapped level, rising
  std::vector<double> batch_levels;
  int runs_eligible = 0;
  int runs_diverged = 0;
  int runs_incomplete = 0;
  std::vector<std::size_t> rows_diverged;  ///< which rows of the RunTable those are
  std::vector<std::size_t> rows_incomplete;
};

/// Whether the run came to its end, or its table does not say.
bool Ended(const RunTable& runs, std::size_t row);

/// Tokens are whole steps of the batch: those of large batches round by more than N or rates ever differ.
inline constexpr double kTokensTolerance = 0.005;
/// Counts of one model differ by its vocabulary's padding or by what a logger counts; no two sizes of a sweep
/// are this near.
inline constexpr double kParamsTolerance = 0.0125;

/// Levels of `values` when neighbours within the relative `tolerance` of a level's lowest value are one.
/// Returns one level a value, -1 for values that are not finite and positive; fills `levels` with each
/// level's lowest value, rising. Grouping only: callers fit the recorded values (laws are never fitted to
/// levels).
std::vector<int> SnapToLevels(const std::vector<double>& values, double tolerance,
                              std::vector<double>& levels);

/// Groups the table's finished runs; tokens are one value within 0.5 %, N within 1.25 %, or the tolerance,
/// whichever is more.
/// InvalidArgument if a column's length is neither 0 nor the table's size. Runs with missing or non-positive
/// N or D count as incomplete.
absl::StatusOr<CellTable> GroupIntoCells(const RunTable& runs, CellNeeds needs, double tolerance);

/// Edge counts over cells: only cells that sweep the quantity count.
EdgeCounts CountEdges(const std::vector<Cell>& cells);

}  // namespace sextant::fitting::optimum
