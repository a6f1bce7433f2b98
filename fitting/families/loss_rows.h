// SPDX-License-Identifier: Apache-2.0
// Which losses of a study a law of the loss is fitted to.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "fitting/fit.h"
#include "fitting/least_squares/law_columns.h"
#include "fitting/least_squares/law_data.h"

namespace sextant::fitting {

struct LossRows {
  LawData data;
  bool cell_best = false;            ///< a row is the optimum of a cell, not a run
  std::int64_t runs_considered = 0;  ///< finished runs that the rows were made of
  ColumnChoice columns = {};         ///< what the law's variables, and "y", were read from
  std::vector<std::string> warnings = {};
  std::int64_t smoothed = 0;  ///< cells whose optimum is read off a curve or surface through their runs
};

/// The rows of `runs` for `law`. LossRuns::kCellBest: one a cell of equal N and D (and model), its loss at
/// its own best rate and batch: of a smooth surface (rate and batch swept) or quadratic (one swept) through
/// the runs near the best where there are enough of them, else of the best setting, repeats averaged. kAuto
/// is kCellBest when some cell holds runs at different settings and the law has no variable that tells them
/// apart. InvalidArgument: kCellBest for a law of more than N, D and C; as LawDataFromRuns.
/// `chosen`: columns asked for (law_columns.h); with any, the law is fitted to all runs.
absl::StatusOr<LossRows> LossRowsOf(const Law& law, const RunTable& runs, LossRuns which,
                                    const ColumnChoice& chosen);

}  // namespace sextant::fitting
