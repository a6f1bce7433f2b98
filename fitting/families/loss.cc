// SPDX-License-Identifier: Apache-2.0
// Laws of the final loss: by themselves, and their average.
#include <absl/strings/str_cat.h>

#include <utility>

#include "base/status_macros.h"
#include "fitting/families/family.h"
#include "fitting/families/loss_rows.h"
#include "fitting/least_squares/loss_average.h"

namespace sextant::fitting {
namespace {

const std::vector<std::string>& NoLossEstimators() {
  static const std::vector<std::string> none;
  return none;
}

bool IsAverage(const LawSpec& law) { return law.id == kLossAverageId; }

absl::StatusOr<FitResult> FitLoss(const std::shared_ptr<const Law>& law, const FitInput& input,
                                  const FitRequest& request) {
  ASSIGN_OR_RETURN(const LossRows rows,
                   LossRowsOf(*law, input.runs, OptionsOr<LossOptions>(request).runs, request.columns));
  ASSIGN_OR_RETURN(const SolveOptions options, SolveOptionsOf(request));
  absl::StatusOr<FitResult> result = IsAverage(law->spec()) ? FitLossAverage(input.laws, rows.data, options)
                                                            : FitLossLaw(law, rows.data, options);
  if (!result.ok()) return result.status();
  if (auto* model = std::get_if<LossModel>(&result->model)) {
    model->cell_best = rows.cell_best;
    model->runs_considered = rows.runs_considered;
  }
  if (!IsAverage(law->spec())) result->estimator = "least-squares";
  result->columns = rows.columns;
  result->warnings.insert(result->warnings.begin(), rows.warnings.begin(), rows.warnings.end());
  if (rows.cell_best) result->diagnostics["cells_smoothed"] = static_cast<double>(rows.smoothed);
  return result;
}

/// Scores by the same kind of losses as were fitted.
absl::Status ScoreLoss(const std::shared_ptr<const Law>& law, const RunTable& holdout, FitResult& result) {
  const auto* model = std::get_if<LossModel>(&result.model);
  const bool cell_best = model != nullptr && model->cell_best;
  ASSIGN_OR_RETURN(const LossRows rows,
                   LossRowsOf(*law, holdout, cell_best ? LossRuns::kCellBest : LossRuns::kAll,
                              cell_best ? ColumnChoice() : result.columns));
  if (rows.data.size() == 0) {
    result.warnings.push_back("the held-out filter matched no run with the quantities this law needs");
    return absl::OkStatus();
  }
  // The law of an average is its own.
  ASSIGN_OR_RETURN(LawSpec spec, ParseLawSpec(result.law_toml));
  ASSIGN_OR_RETURN(std::shared_ptr<const Law> fitted,
                   Law::Compile(std::move(spec), Derivatives::kWhenNeeded));
  std::vector<double> parameters;
  for (const ParameterEstimate& parameter : result.parameters) parameters.push_back(parameter.estimate);
  ASSIGN_OR_RETURN(HoldoutScore score, ScoreHeldOut(fitted, parameters, rows.data));
  result.holdout = score;
  return absl::OkStatus();
}

}  // namespace

const FitFamily kLossFamily = {
    .answers = [](const LawSpec& law) { return law.target == Target::kLoss; },
    .needs = {.races = false, .laws = false},
    .estimators = NoLossEstimators,
    .takes = [](const KindOptions& options) { return std::holds_alternative<LossOptions>(options); },
    .why_no_holdout = [](const LawSpec&) { return std::string(); },
    .fit = FitLoss,
    .score = ScoreLoss,
};

const FitFamily kLossAverageFamily = {
    .answers = IsAverage,
    .needs = {.races = false, .laws = true},
    .estimators = NoLossEstimators,
    .takes = [](const KindOptions& options) { return std::holds_alternative<LossOptions>(options); },
    .why_no_holdout = [](const LawSpec&) { return std::string(); },
    .fit = FitLoss,
    .score = ScoreLoss,
};

}  // namespace sextant::fitting
