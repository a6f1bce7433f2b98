// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/near_optimal_runs.h"

#include <vector>

#include "base/status_macros.h"
#include "fitting/optimum/cells.h"

namespace sextant::fitting {

absl::StatusOr<RunTable> NearOptimalRuns(const RunTable& runs, double band) {
  ASSIGN_OR_RETURN(optimum::CellTable table, optimum::GroupIntoCells(runs, {}, kGroupingTolerance));
  std::vector<bool> keep(runs.size(), false);
  for (const optimum::Cell& cell : table.cells) {
    for (const optimum::CellRun& run : cell.runs) {
      keep[run.row] = run.loss <= cell.best_loss() * (1 + band);
    }
  }
  return SelectRows(runs, keep);
}

}  // namespace sextant::fitting
