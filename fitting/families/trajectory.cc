// SPDX-License-Identifier: Apache-2.0
// The loss along training at any batch (Kaplan et al. 2020, Su et al. 2024), fitted to curves or, where runs
// have none, to where they ended.
#include "fitting/curve/trajectory.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "base/status_macros.h"
#include "fitting/families/family.h"

namespace sextant::fitting {
namespace {

// Points of one curve share its errors: more say little.
constexpr std::size_t kPointsPerRun = 60;
constexpr int kMostReplicates = 200;  // each is a fit from the optimum
constexpr double kPrintedConfidence = 0.95;

const std::vector<std::string>& NoTrajectoryEstimators() {
  static const std::vector<std::string> none;
  return none;
}

/// In the order that the evaluator names them.
std::map<std::string, double> ByName(const TrajectoryLaw& law) {
  return {{"N_c", law.n_c},         {"alpha_N", law.alpha_n}, {"S_c", law.s_c},
          {"alpha_S", law.alpha_s}, {"B_star", law.b_star},   {"alpha_B", law.alpha_b}};
}

std::vector<TrajectoryPoint> PointsOf(const FitInput& input) {
  std::vector<TrajectoryPoint> points;
  int run_number = 0;
  for (const ScheduledRun& run : input.curves) {
    const std::size_t count = run.curve.step.size();
    if (count == 0 || !(run.params > 0) || !(run.batch_size_tokens > 0)) continue;
    const std::size_t taken = std::min(count, kPointsPerRun);
    for (std::size_t k = 0; k < taken; ++k) {
      const std::size_t i = taken == 1 ? count - 1 : k * (count - 1) / (taken - 1);
      points.push_back({run.params, static_cast<double>(run.curve.step[i] + 1), run.batch_size_tokens,
                        run.curve.loss[i], run_number});
    }
    ++run_number;
  }
  if (!points.empty()) return points;
  const RunTable& runs = input.runs;
  for (std::size_t row = 0; row < runs.size(); ++row) {
    const double steps =
        std::isfinite(runs.steps[row]) ? runs.steps[row] : runs.tokens[row] / runs.batch_size_tokens[row];
    const bool usable = runs.state[row] == RunState::kFinished && runs.params[row] > 0 && steps > 0 &&
                        runs.batch_size_tokens[row] > 0 && std::isfinite(runs.loss[row]);
    if (usable)
      points.push_back({runs.params[row], steps, runs.batch_size_tokens[row], runs.loss[row], run_number++});
  }
  return points;
}

absl::StatusOr<FitResult> FitTrajectoryLaw(const std::shared_ptr<const Law>& law, const FitInput& input,
                                           const FitRequest& request) {
  if (!request.fixed_parameters.empty() || !request.columns.empty()) {
    // Least squares holds parameters and takes columns.
    ASSIGN_OR_RETURN(FitResult result, FitByLeastSquares(law, input.runs, request));
    result.estimator = "least-squares";
    return result;
  }
  const std::vector<TrajectoryPoint> points = PointsOf(input);
  if (points.empty()) {
    return NotIdentifiable(
        absl::StrCat("law '", law->spec().id,
                     "' needs runs with N, batch size and losses along their steps or at their end"));
  }
  TrajectoryFitOptions options;
  options.seed = request.seed;
  options.confidence = kPrintedConfidence;
  options.replicates =
      static_cast<int>(std::min<std::int64_t>(request.bootstrap_replicates, kMostReplicates));
  ASSIGN_OR_RETURN(const TrajectoryFit fit, FitTrajectory(points, options));
  FitResult result;
  const auto estimates = ByName(fit.law), low = ByName(fit.low), high = ByName(fit.high);
  const std::vector<ParameterSpec>& parameters = law->spec().parameters;
  for (const ParameterSpec& parameter : parameters) {
    ParameterEstimate estimate;
    estimate.name = parameter.name;
    estimate.estimate = estimates.at(parameter.name);
    if (options.replicates > 0) {
      estimate.low = low.at(parameter.name);
      estimate.high = high.at(parameter.name);
    }
    result.parameters.push_back(std::move(estimate));
  }
  for (const TrajectoryLaw& replicate : fit.replicates) {
    const auto values = ByName(replicate);
    for (const ParameterSpec& parameter : parameters) result.replicates.push_back(values.at(parameter.name));
  }
  result.bootstrap_replicates = static_cast<std::int64_t>(fit.replicates.size());
  const auto range = [&](const char* name, double TrajectoryPoint::*member) {
    Range covered{std::numeric_limits<double>::infinity(), 0};
    for (const TrajectoryPoint& point : points) {
      covered.low = std::min(covered.low, point.*member);
      covered.high = std::max(covered.high, point.*member);
    }
    result.fitted_range[name] = covered;
  };
  range("N", &TrajectoryPoint::params);
  range("S", &TrajectoryPoint::steps);
  range("B", &TrajectoryPoint::batch_size_tokens);
  result.objective = fit.objective;
  result.objective_kind = "huber:0.001";
  result.starts = fit.starts;
  result.starts_at_optimum = fit.starts_at_optimum;
  result.diagnostics["mean_relative_error"] = fit.relative_error;
  result.diagnostics["points"] = static_cast<double>(points.size());
  result.runs_used = result.cells_used = points.back().run + 1;
  result.warnings = fit.warnings;
  result.estimator = "trajectory";
  result.data_source = input.curves.empty() ? "" : "curves";
  result.model = LeastSquaresModel{};
  return result;
}

}  // namespace

const FitFamily kTrajectoryFamily = {
    .answers = [](const LawSpec& law) { return law.evaluator == "trajectory"; },
    .needs = {.races = false, .curves = true},
    .estimators = NoTrajectoryEstimators,
    .takes = [](const KindOptions&) { return false; },
    .why_no_holdout =
        [](const LawSpec&) { return std::string("not for laws of curves: a point of one is no run"); },
    .fit = FitTrajectoryLaw,
    .score = nullptr,
};

}  // namespace sextant::fitting
