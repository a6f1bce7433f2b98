// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/quality.h"

#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "fitting/optimum/cell_quadratic.h"
#include "fitting/optimum/cells.h"
#include "fitting/optimum/other_hyperparameters.h"

namespace sextant::fitting {
namespace {

using optimum::Cell;
using optimum::CellRun;
using optimum::CellVertex;

/// ln loss per squared ln: a tenfold change that costs about 0.5 %.
constexpr double kWeakCurvature = 0.002;

bool OnEdge(const optimum::LevelSpan& span, int level) {
  return span.Swept() && level >= 0 && (level == span.lowest || level == span.highest);
}

std::vector<std::string> CellLabels(const Cell& cell) {
  std::vector<std::string> labels;
  const CellRun& best = cell.runs[cell.best];
  if (OnEdge(cell.rates, best.rate_level) || OnEdge(cell.batches, best.batch_level)) {
    labels.emplace_back("edge-of-grid");
  }
  optimum::DrawnCell all{&cell, std::vector<std::uint32_t>(cell.runs.size())};
  std::iota(all.runs.begin(), all.runs.end(), 0u);
  const CellVertex vertex = optimum::FitCellQuadratic(all);
  if (!vertex.enough_runs) {
    labels.emplace_back("too-few-points");
  } else if (!vertex.has_minimum || vertex.weakest_curvature < kWeakCurvature) {
    labels.emplace_back("weak-curvature");
  } else if (!vertex.inside) {
    labels.emplace_back("off-centre");
  }
  return labels;
}

}  // namespace

absl::StatusOr<QualityReport> LabelQuality(const RunTable& runs, double grouping_tolerance) {
  const absl::StatusOr<optimum::CellTable> table =
      optimum::GroupIntoCells(runs, {false, false}, grouping_tolerance);
  if (!table.ok()) {
    return table.status();
  }
  const std::vector<std::vector<int>> settings = optimum::LevelKeys(
      runs, {optimum::kLearningRate, optimum::kBatchSize, optimum::kWeightDecay, optimum::kAdamBeta2},
      grouping_tolerance);
  QualityReport report;
  report.run_labels.resize(runs.size());
  for (const std::size_t row : table->rows_diverged) {
    const RunState state = runs.state.empty() ? RunState::kUnspecified : runs.state[row];
    const bool ended = state != RunState::kRunning && state != RunState::kCrashed;
    report.run_labels[row].emplace_back(ended ? "diverged" : "unfinished");
  }
  for (const std::size_t row : table->rows_incomplete) {
    report.run_labels[row].emplace_back("incomplete");
  }
  for (const Cell& cell : table->cells) {
    std::map<std::vector<int>, int> seen;
    for (const CellRun& run : cell.runs) {
      ++seen[settings[run.row]];
    }
    for (const CellRun& run : cell.runs) {
      if (run.rate_level >= 0 && run.batch_level >= 0 && seen[settings[run.row]] > 1) {
        report.run_labels[run.row].emplace_back("duplicate");
      }
    }
    CellQuality quality{std::exp(cell.log_params), std::exp(cell.log_tokens),
                        static_cast<int>(cell.runs.size()), cell.runs_diverged, CellLabels(cell)};
    if (!quality.labels.empty() && quality.labels.front() == "edge-of-grid") {
      report.run_labels[cell.runs[cell.best].row].emplace_back("edge-of-grid");
    }
    report.cells.push_back(std::move(quality));
  }
  return report;
}

}  // namespace sextant::fitting
