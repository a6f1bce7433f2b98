// SPDX-License-Identifier: Apache-2.0
#include "fitting/families/loss_rows.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "fitting/optimum/cells.h"
#include "fitting/optimum/excess_loss.h"

namespace sextant::fitting {
namespace {

constexpr double kSettingTolerance = 0.003;  // relative, as for optima: rates closer than this are one
// A surface through scattered runs may dip below all of them; seeds scatter by 0.1 to 0.2 %
// (JointSurface::noise), and the best of a hundred runs lies that much below its setting's mean.
constexpr double kMostBelowBest = 0.003;

/// The other settings of a run that change its loss, beside rate and batch.
std::pair<double, double> OtherSettings(const RunTable& runs, std::size_t row) {
  const auto rounded = [row](const std::vector<double>& column) {
    if (row >= column.size() || !(column[row] > 0)) return 0.0;
    return std::round(std::log(column[row]) / kSettingTolerance);
  };
  return {rounded(runs.weight_decay), rounded(runs.adam_beta2)};
}

using Setting = std::pair<std::pair<int, int>, std::pair<double, double>>;

Setting SettingOf(const RunTable& runs, const optimum::CellRun& run) {
  return {{run.rate_level, run.batch_level}, OtherSettings(runs, run.row)};
}

bool SweepsSettings(const RunTable& runs, const optimum::CellTable& table) {
  return std::any_of(table.cells.begin(), table.cells.end(), [&](const optimum::Cell& cell) {
    std::set<Setting> settings;
    for (const optimum::CellRun& run : cell.runs) settings.insert(SettingOf(runs, run));
    return settings.size() > 1;
  });
}

/// The cell's loss at its own optimum; `smoothed` says whether from more than one setting.
double OptimumLoss(const RunTable& runs, const optimum::Cell& cell, bool& smoothed) {
  std::map<Setting, std::pair<double, int>> merged;
  for (const optimum::CellRun& run : cell.runs) {
    auto& [sum, count] = merged[SettingOf(runs, run)];
    sum += run.loss;
    ++count;
  }
  double best = std::numeric_limits<double>::infinity();
  for (const auto& [setting, sum] : merged) best = std::min(best, sum.first / sum.second);
  // Surfaces are over rate and batch: runs that differ in more are no points of one.
  std::set<std::pair<double, double>> others;
  for (const auto& [setting, sum] : merged) others.insert(setting.second);
  smoothed = false;
  if (others.size() > 1) return best;
  std::optional<double> lowest;
  if (cell.rates.Swept() && cell.batches.Swept()) {
    if (const auto scorer = optimum::CellScorer::Make(cell)) lowest = scorer->lowest();
  } else if (cell.rates.Swept() || cell.batches.Swept()) {
    const auto axis = cell.rates.Swept() ? OptimumTarget::kLearningRate : OptimumTarget::kBatchSizeTokens;
    if (const auto scorer = optimum::AxisScorer::Make(cell, axis)) lowest = scorer->lowest();
  }
  if (!lowest || !std::isfinite(*lowest)) return best;
  smoothed = true;
  return std::clamp(std::exp(*lowest), best * (1 - kMostBelowBest), best * (1 + kMostBelowBest));
}

bool OfScaleAlone(const LawSpec& spec) {
  return std::all_of(spec.variables.begin(), spec.variables.end(),
                     [](const VariableSpec& v) { return v.name == "N" || v.name == "D" || v.name == "C"; });
}

}  // namespace

absl::StatusOr<LossRows> LossRowsOf(const Law& law, const RunTable& runs, LossRuns which,
                                    const ColumnChoice& chosen) {
  LossRows rows;
  if (which == LossRuns::kCellBest && !chosen.empty()) {
    return absl::InvalidArgumentError(
        "runs: cell-best goes with no columns of your own: cells are of N and D");
  }
  const bool of_scale = OfScaleAlone(law.spec()) && chosen.empty();
  if (which == LossRuns::kCellBest && !of_scale) {
    return absl::InvalidArgumentError(
        absl::StrCat("runs: law '", law.spec().id,
                     "' has variables that differ within a cell of N and D: it is fitted to all runs"));
  }
  ASSIGN_OR_RETURN(LawInput input, LawInputFromRuns(law, runs, chosen));
  rows.data = std::move(input.data);
  rows.columns = std::move(input.columns);
  rows.warnings = std::move(input.warnings);
  rows.runs_considered = static_cast<std::int64_t>(rows.data.size());
  if (which == LossRuns::kAll || !of_scale || rows.data.size() == 0) return rows;
  ASSIGN_OR_RETURN(const optimum::CellTable table, optimum::GroupIntoCells(runs, {}, kSettingTolerance));
  if (which == LossRuns::kAuto && !SweepsSettings(runs, table)) return rows;
  std::vector<bool> keep(runs.size(), false);
  std::vector<double> optimum(runs.size(), 0.0);
  for (const optimum::Cell& cell : table.cells) {
    bool smoothed = false;
    const std::size_t row = cell.runs[cell.best].row;
    keep[row] = true;
    optimum[row] = OptimumLoss(runs, cell, smoothed);
    rows.smoothed += smoothed;
  }
  RunTable best = SelectRows(runs, keep);
  best.loss.clear();
  for (std::size_t row = 0; row < runs.size(); ++row) {
    if (keep[row]) best.loss.push_back(optimum[row]);
  }
  ASSIGN_OR_RETURN(rows.data, LawDataFromRuns(law, best));
  rows.cell_best = true;
  return rows;
}

}  // namespace sextant::fitting
