// SPDX-License-Identifier: Apache-2.0
// Laws that sum over a learning-rate schedule, fitted to whole curves with the rates they were trained at.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/quantile.h"
#include "base/status_macros.h"
#include "fitting/curve/schedule_fit.h"
#include "fitting/families/family.h"

namespace sextant::fitting {
namespace {

constexpr char kMultiPower[] = "multi-power", kTissue[] = "tissue";
constexpr std::int64_t kMostCurveReplicates = 200;  // each is a fit from the optimum
constexpr double kCurvesConfidence = 0.95;          // of the parameters' printed intervals

const std::vector<std::string>& NoScheduleEstimators() {
  static const std::vector<std::string> none;
  return none;
}

/// Runs whose curves carry rates; what was left out is told.
std::vector<ScheduledCurve> Usable(const std::vector<ScheduledRun>& runs, FitResult& result) {
  std::vector<ScheduledCurve> curves;
  std::string without;
  std::size_t left_out = 0;
  for (const ScheduledRun& run : runs) {
    if (!run.curve.step.empty() && !run.curve.learning_rate.empty()) {
      curves.push_back(run.curve);
    } else if (++left_out <= 5) {
      absl::StrAppend(&without, without.empty() ? "" : ", ", run.run_id);
    }
  }
  if (left_out > 0) {
    result.warnings.push_back(absl::StrCat(
        left_out, " runs are left out, whose curves carry no losses with learning rates: ", without,
        left_out > 5 ? ", …" : ""));
  }
  return curves;
}

using NamedValues = std::map<std::string, double>;

NamedValues ValuesOf(const TissueLaw& law) {
  return {{"L0", law.l0}, {"A", law.a}, {"alpha", law.alpha}, {"C", law.c}, {"lambda", law.lambda}};
}

NamedValues ValuesOf(const MultiPowerLaw& law) {
  return {{"L0", law.l0}, {"A", law.a},       {"alpha", law.alpha}, {"B", law.b},
          {"C", law.c},   {"beta", law.beta}, {"gamma", law.gamma}};
}

template <typename Fit>
void Report(const LawSpec& spec, const Fit& fit, FitResult& result) {
  const NamedValues values = ValuesOf(fit.law);
  for (const auto& law : fit.replicates) {
    const NamedValues drawn = ValuesOf(law);
    for (const ParameterSpec& parameter : spec.parameters)
      result.replicates.push_back(drawn.at(parameter.name));
  }
  const std::size_t count = fit.replicates.size(), width = spec.parameters.size();
  for (std::size_t p = 0; p < width; ++p) {
    ParameterEstimate estimate;
    estimate.name = spec.parameters[p].name;
    estimate.estimate = values.at(estimate.name);
    std::vector<double> column, scratch;
    for (std::size_t r = 0; r < count; ++r) column.push_back(result.replicates[r * width + p]);
    if (count > 0) {
      const auto [low, high] = TailQuantiles(column, (1 - kCurvesConfidence) / 2, scratch);
      estimate.low = low;
      estimate.high = high;
    }
    result.parameters.push_back(std::move(estimate));
  }
  result.bootstrap_replicates = static_cast<std::int64_t>(count);
  result.objective = fit.objective;
  result.starts = fit.starts;
  result.starts_at_optimum = fit.starts_at_optimum;
  result.diagnostics["mean_relative_error"] = fit.relative_error;
  result.diagnostics["huber_delta"] = fit.delta;
  result.diagnostics["converged"] = fit.converged ? 1 : 0;
  result.warnings.insert(result.warnings.end(), fit.warnings.begin(), fit.warnings.end());
}

absl::StatusOr<FitResult> FitScheduleLaw(const std::shared_ptr<const Law>& law, const FitInput& input,
                                         const FitRequest& request) {
  const LawSpec& spec = law->spec();
  if (!request.fixed_parameters.empty()) {
    return absl::InvalidArgumentError("fixed_parameters: not for laws that sum over a schedule");
  }
  FitResult result;
  const std::vector<ScheduledCurve> curves = Usable(input.curves, result);
  if (curves.empty()) {
    return NotIdentifiable(absl::StrCat(
        "law '", spec.id,
        "' is fitted to loss curves with the learning rate of their steps: no finished run of the "
        "study has one (curves need the columns step, train_loss or validation_loss, and learning_rate)"));
  }
  ScheduleFitOptions options;
  options.seed = request.seed;
  options.replicates =
      static_cast<int>(std::min<std::int64_t>(request.bootstrap_replicates, kMostCurveReplicates));
  if (spec.evaluator == kTissue) {
    ASSIGN_OR_RETURN(const TissueFit fit, FitTissue(curves, options));
    Report(spec, fit, result);
  } else {
    ASSIGN_OR_RETURN(const MultiPowerFit fit, FitMultiPower(curves, options));
    Report(spec, fit, result);
    result.diagnostics["prior_share"] = fit.prior_share;
  }
  Range steps{std::numeric_limits<double>::infinity(), 0}, rates = steps;
  std::int64_t points = 0;
  for (const ScheduledCurve& curve : curves) {
    steps.low = std::min(steps.low, static_cast<double>(curve.step.front()));
    steps.high = std::max(steps.high, static_cast<double>(curve.step.back()));
    const double peak = *std::max_element(curve.learning_rate.begin(), curve.learning_rate.end());
    rates.low = std::min(rates.low, peak);
    rates.high = std::max(rates.high, peak);
    points += static_cast<std::int64_t>(curve.step.size());
  }
  result.fitted_range["t"] = steps;
  result.fitted_range["learning_rate"] = rates;
  result.diagnostics["points"] = static_cast<double>(points);
  result.estimator = "curves";
  result.objective_kind = absl::StrFormat("huber:%.4g", result.diagnostics["huber_delta"]);
  result.runs_used = static_cast<std::int64_t>(curves.size());
  result.cells_used = result.runs_used;
  result.columns = {{"t", "curve.step"}, {kObservedColumn, "curve.loss"}};
  result.data_source = "curves";
  result.model = LeastSquaresModel{};
  return result;
}

}  // namespace

const FitFamily kScheduleFamily = {
    .answers = [](const LawSpec& law) { return law.evaluator == kMultiPower || law.evaluator == kTissue; },
    .needs = {.races = false, .curves = true},
    .estimators = NoScheduleEstimators,
    .takes = [](const KindOptions&) { return false; },
    .why_no_holdout =
        [](const LawSpec&) {
          return std::string(
              "not for laws of curves: leave runs out with a filter, and predict their schedules");
        },
    .fit = FitScheduleLaw,
    .score = nullptr,
};

}  // namespace sextant::fitting
