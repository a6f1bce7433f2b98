// SPDX-License-Identifier: Apache-2.0
#include "base/status_macros.h"
#include "fitting/families/family.h"
#include "fitting/least_squares/fit_law.h"
#include "fitting/least_squares/law_columns.h"

namespace sextant::fitting {
namespace {

const std::vector<std::string>& NoEstimators() {
  static const std::vector<std::string> none;
  return none;
}

absl::StatusOr<FitResult> FitToLosses(const std::shared_ptr<const Law>& law, const FitInput& input,
                                      const FitRequest& request) {
  ASSIGN_OR_RETURN(FitResult result, FitByLeastSquares(law, input.runs, request));
  result.estimator = "least-squares";
  return result;
}

absl::Status ScoreOnLosses(const std::shared_ptr<const Law>& law, const RunTable& holdout,
                           FitResult& result) {
  const absl::StatusOr<LawInput> input = LawInputFromRuns(*law, holdout, result.columns);
  if (!input.ok() && !IsNotIdentifiable(input.status())) return input.status();
  const LawData held_out = input.ok() ? input->data : LawData();
  if (held_out.size() == 0) {
    result.warnings.push_back("the held-out filter matched no run with the quantities this law needs");
    return absl::OkStatus();
  }
  std::vector<double> parameters;
  for (const ParameterEstimate& parameter : result.parameters) parameters.push_back(parameter.estimate);
  ASSIGN_OR_RETURN(HoldoutScore score, ScoreHeldOut(law, parameters, held_out));
  result.holdout = score;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SolveOptions> SolveOptionsOf(const FitRequest& request) {
  SolveOptions options;
  if (!request.loss.empty()) {
    ASSIGN_OR_RETURN(Objective objective, ParseObjective(request.loss));
    options.objective = objective;
  }
  options.fixed = request.fixed_parameters;
  options.replicates = static_cast<int>(request.bootstrap_replicates);
  options.seed = request.seed;
  options.cancel = request.cancelled;
  options.deadline = DeadlineOf(request);
  return options;
}

namespace {

absl::StatusOr<FitResult> FitToInput(const std::shared_ptr<const Law>& law, LawInput input,
                                     const FitRequest& request) {
  ASSIGN_OR_RETURN(const SolveOptions options, SolveOptionsOf(request));
  ASSIGN_OR_RETURN(FitResult result, FitLaw(law, input.data, options));
  result.model = LeastSquaresModel{};
  result.columns = std::move(input.columns);
  result.warnings.insert(result.warnings.begin(), input.warnings.begin(), input.warnings.end());
  return result;
}

}  // namespace

absl::StatusOr<FitResult> FitByLeastSquares(const std::shared_ptr<const Law>& law, const RunTable& runs,
                                            const FitRequest& request) {
  ASSIGN_OR_RETURN(LawInput input, LawInputFromRuns(*law, runs, request.columns));
  return FitToInput(law, std::move(input), request);
}

absl::StatusOr<FitResult> FitToTable(const std::shared_ptr<const Law>& law, const DataColumns& table,
                                     const FitRequest& request) {
  ASSIGN_OR_RETURN(LawInput input, LawInputFromColumns(*law, table, request.columns));
  ASSIGN_OR_RETURN(FitResult result, FitToInput(law, std::move(input), request));
  result.estimator = "least-squares";
  return result;
}

const FitFamily kLeastSquaresFamily = {
    .answers = [](const LawSpec&) { return true; },
    .needs = {},
    .estimators = NoEstimators,
    .takes = [](const KindOptions&) { return false; },
    .why_no_holdout = [](const LawSpec&) { return std::string(); },
    .fit = FitToLosses,
    .score = ScoreOnLosses,
};

}  // namespace sextant::fitting
