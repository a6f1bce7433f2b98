// SPDX-License-Identifier: Apache-2.0
#include "fitting/fit_check.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace sextant::fitting {
namespace {

// Far above what any estimator makes; they bound what a hostile file can ask for.
constexpr std::size_t kMostParameters = 1000;
constexpr std::size_t kMostReplicates = 100'000;

bool AllFinite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

absl::Status Wrong(const std::string& what) { return absl::DataLossError(what); }

absl::Status CheckReport(const FitResult& result) {
  const std::size_t count = result.parameters.size();
  if (count > kMostParameters) return Wrong(absl::StrCat("has ", count, " parameters"));
  if (count == 0 && !result.replicates.empty()) return Wrong("has replicates of no parameters");
  if (count > 0 &&
      (result.replicates.size() % count != 0 || result.replicates.size() / count > kMostReplicates)) {
    return Wrong(
        absl::StrCat("has ", result.replicates.size(), " replicate values of ", count, " parameters"));
  }
  if (!result.correlations.empty() && result.correlations.size() != count * count) {
    return Wrong(absl::StrCat("has ", result.correlations.size(), " correlations of ", count, " parameters"));
  }
  return absl::OkStatus();
}

absl::Status CheckOptimum(const OptimumModel& model, const FitResult& result) {
  if (model.target > OptimumTarget::kBatchSizeTokens || model.variables > LawVariables::kTokensPerParam) {
    return Wrong("is of an unknown target or of unknown variables");
  }
  const std::size_t columns = model.parameter_count();
  if (model.law_parameters != LawParameterCount(model.variables) ||
      result.parameters.size() != model.law_parameters) {
    return Wrong(absl::StrCat("has ", model.law_parameters, " law parameters in its model, ",
                              result.parameters.size(), " in its report; its variables need ",
                              LawParameterCount(model.variables)));
  }
  // The law's parameters, then at least `offset`, the last.
  if (columns <= model.law_parameters || columns > kMostParameters ||
      model.parameter_names.back() != "offset" || model.estimates.size() != columns) {
    return Wrong(
        absl::StrCat("has ", columns, " model parameters with ", model.estimates.size(), " estimates"));
  }
  if (model.replicate_count > kMostReplicates || model.replicates.size() != model.replicate_count * columns) {
    return Wrong(absl::StrCat("is incomplete: ", model.replicates.size(), " replicate values for ",
                              model.replicate_count, " replicates of ", columns, " parameters"));
  }
  if (!AllFinite(model.estimates) || !AllFinite(model.replicates))
    return Wrong("has numbers that are not finite");
  if (!(model.near_optimal_tolerance > 0 && model.near_optimal_tolerance <= 0.5)) {
    return Wrong(absl::StrCat("has a near-optimal tolerance of ", model.near_optimal_tolerance));
  }
  return absl::OkStatus();
}

absl::Status CheckLoss(const LossModel& model, const FitResult& result) {
  for (const double value : {model.noise, model.held_out_sd, model.held_out_reach}) {
    if (!(value >= 0 && std::isfinite(value))) {
      return Wrong(absl::StrCat("has the spread or reach ", value, " in its model"));
    }
  }
  if (!std::isfinite(model.largest_scale) || model.held_out_error < 0 || model.runs_considered < 0) {
    return Wrong("has an impossible scale, error or count in its model");
  }
  // Every law of an average has a weight and at least one parameter of its own.
  if (!model.members.empty() && 2 * model.members.size() > result.parameters.size()) {
    return Wrong(absl::StrCat("averages ", model.members.size(), " laws with ", result.parameters.size(),
                              " parameters"));
  }
  for (const LossMember& member : model.members) {
    if (!(member.weight >= 0 && member.weight <= 1)) {
      return Wrong(absl::StrCat("gives a law the weight ", member.weight));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckFitResult(const FitResult& result) {
  if (absl::Status status = CheckReport(result); !status.ok()) return status;
  if (const auto* loss = std::get_if<LossModel>(&result.model)) return CheckLoss(*loss, result);
  const auto* optimum = std::get_if<OptimumModel>(&result.model);
  return optimum == nullptr ? absl::OkStatus() : CheckOptimum(*optimum, result);
}

}  // namespace sextant::fitting
