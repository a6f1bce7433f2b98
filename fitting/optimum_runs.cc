#include "fitting/optimum_runs.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "base/status_macros.h"
#include "fitting/optimum/cells.h"

namespace sextant::fitting {
namespace {

constexpr double kGroupingTolerance = 0.003;

}  // namespace

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

absl::StatusOr<HoldoutScore> ScoreOptimum(const Predictor& predictor, const RunTable& holdout) {
  const bool rate = predictor.target() == Target::kLearningRate;
  ASSIGN_OR_RETURN(optimum::CellTable table,
                   optimum::GroupIntoCells(holdout, {rate, !rate}, kGroupingTolerance));
  HoldoutScore score;
  double error = 0, excess = 0, cells = 0;
  for (const optimum::Cell& cell : table.cells) {
    PredictionTarget target;
    target.params = std::exp(cell.log_params);
    target.tokens = std::exp(cell.log_tokens);
    Prediction prediction;
    predictor.Predict(target, prediction);
    const auto answer = prediction.quantities.find(predictor.target());
    if (answer == prediction.quantities.end()) continue;
    const double log_predicted = std::log(answer->second.value);
    auto log_value = [rate](const optimum::CellRun& run) { return rate ? run.log_rate : run.log_batch; };
    auto level = [rate](const optimum::CellRun& run) { return rate ? run.rate_level : run.batch_level; };
    const auto nearest = std::min_element(
        cell.runs.begin(), cell.runs.end(), [&](const optimum::CellRun& a, const optimum::CellRun& b) {
          return std::abs(log_value(a) - log_predicted) < std::abs(log_value(b) - log_predicted);
        });
    double nearest_loss = std::numeric_limits<double>::infinity();
    for (const optimum::CellRun& run : cell.runs) {
      if (level(run) == level(*nearest)) nearest_loss = std::min(nearest_loss, run.loss);
    }
    error += std::abs(std::expm1(log_predicted - log_value(cell.runs[cell.best])));
    excess += nearest_loss / cell.best_loss() - 1;
    cells += 1;
    score.runs += static_cast<std::int64_t>(cell.runs.size());
  }
  if (cells > 0) {
    score.mean_relative_error = error / cells;
    score.mean_excess_loss = excess / cells;
  }
  return score;
}

}  // namespace sextant::fitting
