// SPDX-License-Identifier: Apache-2.0
#include "fitting/families/optimum_result.h"

#include <absl/strings/str_cat.h>

#include <cmath>
#include <utility>
#include <vector>

#include "fitting/optimum/predict.h"

namespace sextant::fitting {
namespace {

constexpr double kParameterInterval = 0.95;

Range ToRange(const FittedRange& range) { return {range.low, range.high}; }

}  // namespace

void OptimumToResult(const OptimumFit& fit, FitResult& result) {
  result.estimator = fit.estimator;
  result.runs_used = fit.runs_used;
  result.cells_used = fit.cells;
  result.objective = fit.objective;
  result.objective_kind = "log-squared";
  result.starts = fit.starts;
  result.starts_at_optimum = fit.starts_at_optimum;
  result.condition_number = fit.condition_number;
  result.bootstrap_replicates = static_cast<std::int64_t>(fit.replicate_count);
  result.warnings.insert(result.warnings.end(), fit.warnings.begin(), fit.warnings.end());
  result.fitted_range["N"] = ToRange(fit.params);
  result.fitted_range["D"] = ToRange(fit.tokens);
  if (!std::isnan(fit.learning_rate.low)) result.fitted_range["learning_rate"] = ToRange(fit.learning_rate);
  if (!std::isnan(fit.batch_size_tokens.low)) result.fitted_range["B"] = ToRange(fit.batch_size_tokens);

  const std::vector<ParameterInterval> intervals = ParameterIntervals(fit, kParameterInterval);
  for (std::size_t i = 0; i < fit.law_parameters; ++i) {
    ParameterEstimate parameter;
    parameter.name = fit.parameter_names[i];
    parameter.estimate = fit.estimates[i];
    if (!intervals.empty()) {
      parameter.low = intervals[i].low;
      parameter.high = intervals[i].high;
    }
    result.parameters.push_back(std::move(parameter));
  }
  for (std::size_t r = 0; r < fit.replicate_count; ++r) {
    const double* row = fit.replicates.data() + r * fit.parameter_count();
    result.replicates.insert(result.replicates.end(), row, row + fit.law_parameters);
  }

  for (std::size_t i = 0; i < fit.members.size(); ++i) {
    result.diagnostics[absl::StrCat("weight.", fit.members[i].estimator)] = fit.members[i].weight;
    result.diagnostics[absl::StrCat("held_out_excess_pct.", fit.members[i].estimator)] =
        fit.members[i].held_out_excess_pct;
  }

  result.diagnostics["runs_eligible"] = fit.runs_eligible;
  result.diagnostics["runs_diverged"] = fit.runs_diverged;
  result.diagnostics["runs_incomplete"] = fit.runs_incomplete;
  result.diagnostics["cells_best_rate_lowest"] = fit.edges.learning_rate_lowest;
  result.diagnostics["cells_best_rate_highest"] = fit.edges.learning_rate_highest;
  result.diagnostics["cells_best_batch_lowest"] = fit.edges.batch_lowest;
  result.diagnostics["cells_best_batch_highest"] = fit.edges.batch_highest;
  result.model = static_cast<const OptimumModel&>(fit);
}

}  // namespace sextant::fitting
