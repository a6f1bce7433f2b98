#include "fitting/optimum_record.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <cmath>
#include <cstdio>
#include <map>
#include <utility>
#include <vector>

#include "fitting/optimum/check_fit.h"
#include "fitting/optimum/predict.h"

namespace sextant::fitting {
namespace {

constexpr char kShapeKey[] = "optimum";
constexpr char kParameterPrefix[] = "optimum.parameter.";
constexpr char kMemberPrefix[] = "optimum.member.";
constexpr double kParameterInterval = 0.95;

Range ToRange(const FittedRange& range) { return {range.low, range.high}; }

FittedRange FromRange(const FitResult& result, const std::string& name) {
  const auto found = result.fitted_range.find(name);
  if (found == result.fitted_range.end()) return {std::nan(""), std::nan("")};
  return {found->second.low, found->second.high};
}

/// The number between a key's prefix and its next dot orders keys as they were.
std::string OrderedKey(const char* prefix, std::size_t index, const std::string& name) {
  return absl::StrFormat("%s%03d.%s", prefix, index, name);
}

bool StartsWith(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

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
  result.near_optimal_log_low = fit.near_optimal_low;
  result.near_optimal_log_high = fit.near_optimal_high;
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

  result.model[kShapeKey] = {static_cast<double>(fit.target), static_cast<double>(fit.variables),
                             static_cast<double>(fit.law_parameters), fit.near_optimal_tolerance};
  for (std::size_t i = 0; i < fit.parameter_count(); ++i) {
    result.model[OrderedKey(kParameterPrefix, i, fit.parameter_names[i])] = {fit.estimates[i]};
  }
  for (std::size_t i = 0; i < fit.members.size(); ++i) {
    result.model[OrderedKey(kMemberPrefix, i, fit.members[i].estimator)] = {
        fit.members[i].weight, fit.members[i].held_out_excess_pct};
    result.diagnostics[absl::StrCat("weight.", fit.members[i].estimator)] = fit.members[i].weight;
    result.diagnostics[absl::StrCat("held_out_excess_pct.", fit.members[i].estimator)] =
        fit.members[i].held_out_excess_pct;
  }
  result.model_replicates = fit.replicates;

  result.diagnostics["runs_eligible"] = fit.runs_eligible;
  result.diagnostics["runs_diverged"] = fit.runs_diverged;
  result.diagnostics["runs_incomplete"] = fit.runs_incomplete;
  result.diagnostics["cells_best_rate_lowest"] = fit.edges.learning_rate_lowest;
  result.diagnostics["cells_best_rate_highest"] = fit.edges.learning_rate_highest;
  result.diagnostics["cells_best_batch_lowest"] = fit.edges.batch_lowest;
  result.diagnostics["cells_best_batch_highest"] = fit.edges.batch_highest;
}

bool HoldsOptimum(const FitResult& result) { return result.model.contains(kShapeKey); }

absl::StatusOr<OptimumFit> OptimumFromResult(const FitResult& result) {
  const auto shape = result.model.find(kShapeKey);
  if (shape == result.model.end() || shape->second.size() != 4) {
    return absl::DataLossError("the stored fit holds no optimum");
  }
  // Numbers beyond these are no value of the enumerations, nor a count.
  for (const double number : shape->second) {
    if (!(number >= 0 && number < 256)) return absl::DataLossError("the stored fit holds no optimum");
  }
  OptimumFit fit;
  fit.estimator = result.estimator;
  fit.target = static_cast<OptimumTarget>(shape->second[0]);
  fit.variables = static_cast<LawVariables>(shape->second[1]);
  fit.law_parameters = static_cast<std::size_t>(shape->second[2]);
  fit.near_optimal_tolerance = shape->second[3];
  const std::string parameter_prefix = kParameterPrefix, member_prefix = kMemberPrefix;
  for (const auto& [key, values] : result.model) {
    if (StartsWith(key, parameter_prefix) && key.size() > parameter_prefix.size() + 4 && values.size() == 1) {
      fit.parameter_names.push_back(key.substr(parameter_prefix.size() + 4));
      fit.estimates.push_back(values[0]);
    } else if (StartsWith(key, member_prefix) && key.size() > member_prefix.size() + 4 &&
               values.size() == 2) {
      fit.members.push_back({key.substr(member_prefix.size() + 4), values[0], values[1]});
    }
  }
  fit.replicates = result.model_replicates;
  fit.replicate_count = static_cast<std::size_t>(result.bootstrap_replicates);
  if (absl::Status status = CheckOptimumFit(fit); !status.ok()) return status;
  fit.runs_used = static_cast<int>(result.runs_used);
  fit.cells = static_cast<int>(result.cells_used);
  fit.objective = result.objective;
  fit.condition_number = result.condition_number;
  fit.near_optimal_low = result.near_optimal_log_low;
  fit.near_optimal_high = result.near_optimal_log_high;
  fit.params = FromRange(result, "N");
  fit.tokens = FromRange(result, "D");
  fit.learning_rate = FromRange(result, "learning_rate");
  fit.batch_size_tokens = FromRange(result, "B");
  return fit;
}

}  // namespace sextant::fitting
