// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/status_macros.h"
#include "fitting/families/family.h"
#include "fitting/families/log_linear_form.h"
#include "fitting/families/optimum_result.h"
#include "fitting/optimum/cells.h"
#include "fitting/optimum/near_optimal_runs.h"
#include "fitting/predict.h"

namespace sextant::fitting {
namespace {

bool OfRateOrBatch(const LawSpec& law) {
  return law.target == Target::kLearningRate || law.target == Target::kBatchSizeTokens;
}

absl::StatusOr<FitResult> FitRateOrBatch(const std::shared_ptr<const Law>& law, const FitInput& input,
                                         const FitRequest& request) {
  const LawSpec& spec = law->spec();
  const std::optional<LawVariables> form =
      request.fixed_parameters.empty() ? LogLinearForm(*law) : std::nullopt;
  if (!form) return FitToNearOptimalRuns(law, input.runs, request);
  OptimumOptions options = OptimumOptionsOf(request, *form);
  options.target = spec.target == Target::kBatchSizeTokens ? OptimumTarget::kBatchSizeTokens
                                                           : OptimumTarget::kLearningRate;
  ASSIGN_OR_RETURN(OptimumFit fit, FitOptimum(input.runs, options));
  FitResult result;
  OptimumToResult(fit, result);
  RenameParameters(spec, result);
  return result;
}

/// Scores a learning-rate or batch predictor on held-out cells: the best loss among the runs whose rate (or
/// batch) is nearest the prediction, over the cell's best. The partner is taken at its best, since one law
/// predicts one of the two.
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

absl::Status ScoreOnCells(const std::shared_ptr<const Law>&, const RunTable& holdout, FitResult& result) {
  ASSIGN_OR_RETURN(std::shared_ptr<const Predictor> predictor, Predictor::FromFit("", result));
  ASSIGN_OR_RETURN(HoldoutScore score, ScoreOptimum(*predictor, holdout));
  result.holdout = score;
  return absl::OkStatus();
}

}  // namespace

const FitFamily kOptimumFamily = {
    .answers = OfRateOrBatch,
    .needs = {},
    .estimators = EstimatorNames,
    .takes = [](const KindOptions& options) { return std::holds_alternative<NearOptimalOptions>(options); },
    .why_no_holdout = [](const LawSpec&) { return std::string(); },
    .fit = FitRateOrBatch,
    .score = ScoreOnCells,
};

}  // namespace sextant::fitting
