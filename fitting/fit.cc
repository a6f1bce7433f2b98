// SPDX-License-Identifier: Apache-2.0
#include "fitting/fit.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <cmath>

#include "base/status_macros.h"
#include "fitting/allocation/flops_count.h"
#include "fitting/digest.h"
#include "fitting/families/family.h"
#include "fitting/least_squares/objective.h"
#include "fitting/provenance.h"

namespace sextant::fitting {
namespace {

constexpr std::int64_t kMaxReplicatesAsked = 100'000;

/// What is wrong with the options of one kind.
struct OptionProblems {
  const FitRequest& request;
  const FitFamily& family;
  std::vector<std::string>& problems;

  void operator()(std::monostate) const {}
  void operator()(const NearOptimalOptions& options) const {
    if (!family.takes(request.options)) {
      problems.push_back("band: only laws of the learning rate, batch size, weight decay and beta2 take one");
    } else if (!(options.band > 0 && options.band <= 0.5)) {
      problems.push_back(
          absl::StrCat("band: ", options.band, " is outside (0, 0.5]; 0.0025 keeps runs within 0.25 %"));
    }
  }
  void operator()(const LossOptions&) const {
    if (!family.takes(request.options))
      problems.push_back("runs: only laws of the loss take a choice of runs");
  }
  void operator()(const CriticalBatchOptions& options) const {
    if (!family.takes(request.options)) {
      problems.push_back("target_losses: only laws of the critical batch take them, or an overhead");
      return;
    }
    if (!(options.overhead > 0 && options.overhead <= 10)) {
      problems.push_back(absl::StrCat("overhead: ", options.overhead, " is outside (0, 10]; 0.2 is 20 %"));
    }
    if (!(options.overhead_anchor_tokens >= 0 && std::isfinite(options.overhead_anchor_tokens))) {
      problems.push_back("overhead_anchor_tokens: must be positive and finite");
    }
  }
  void operator()(const ComputeOptimalOptions& options) const {
    const std::vector<std::string>& names = FlopsCountNames();
    if (!family.takes(request.options)) {
      problems.push_back("flops_count: only laws of the compute-optimal size or tokens take one");
    } else if (std::find(names.begin(), names.end(), options.flops_count) == names.end()) {
      problems.push_back(absl::StrCat("flops_count: '", options.flops_count, "' is not one of ",
                                      absl::StrJoin(names, ", ")));
    }
  }
};

}  // namespace

std::vector<std::string> ValidateFitRequest(const FitRequest& request, const LawSpec& law) {
  std::vector<std::string> problems;
  if (request.bootstrap_replicates < 0 || request.bootstrap_replicates > kMaxReplicatesAsked) {
    problems.push_back(absl::StrCat("bootstrap_replicates: ", request.bootstrap_replicates,
                                    " is outside 0 to ", kMaxReplicatesAsked));
  }
  const FitFamily& family = FamilyOf(law);
  const std::vector<std::string>& names = family.estimators();
  if (!names.empty() && !request.estimator.empty() &&
      std::find(names.begin(), names.end(), request.estimator) == names.end()) {
    problems.push_back(
        absl::StrCat("estimator: '", request.estimator, "' is not one of ", absl::StrJoin(names, ", ")));
  } else if (names.empty() && !request.estimator.empty() && !IsEstimator(request.estimator)) {
    problems.push_back(absl::StrCat("estimator: there is none called '", request.estimator,
                                    "'; laws like this one are fitted in one way and take none"));
  }
  std::visit(OptionProblems{request, family, problems}, request.options);
  if (const std::string why = family.why_no_holdout(law); !why.empty() && !request.holdout_filter.empty()) {
    problems.push_back(absl::StrCat("holdout_filter: ", why));
  }
  if (!request.loss.empty()) {
    if (absl::StatusOr<Objective> objective = ParseObjective(request.loss); !objective.ok()) {
      problems.push_back(absl::StrCat("loss: ", std::string(objective.status().message())));
    }
  }
  for (const auto& [name, value] : request.fixed_parameters) {
    const bool known =
        std::any_of(law.parameters.begin(), law.parameters.end(),
                    [&name = name](const ParameterSpec& parameter) { return parameter.name == name; });
    if (!known) problems.push_back(absl::StrCat("fixed_parameters: the law has no parameter '", name, "'"));
    if (!std::isfinite(value)) problems.push_back(absl::StrCat("fixed_parameters.", name, ": not finite"));
  }
  return problems;
}

FitNeeds NeedsOf(const LawSpec& law) { return FamilyOf(law).needs; }

const std::vector<std::string>& EstimatorsOf(const LawSpec& law) { return FamilyOf(law).estimators(); }

absl::StatusOr<FitResult> Fit(const std::shared_ptr<const Law>& law, const FitInput& input,
                              const FitRequest& request) {
  const LawSpec& spec = law->spec();
  if (std::vector<std::string> problems = ValidateFitRequest(request, spec); !problems.empty()) {
    return absl::InvalidArgumentError(absl::StrJoin(problems, "; "));
  }
  if (input.runs.size() == 0 && input.holdout.size() > 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the hold-out '", request.holdout_filter, "' keeps back all ", input.holdout.size(),
        " runs that the filter selects: nothing is left to fit; widen the filter or narrow the hold-out"));
  }
  const bool all_fixed =
      std::all_of(spec.parameters.begin(), spec.parameters.end(), [&](const ParameterSpec& parameter) {
        return parameter.fixed || request.fixed_parameters.contains(parameter.name);
      });
  if (all_fixed) {
    return absl::InvalidArgumentError(
        absl::StrCat("law '", spec.id, "' has no free parameter: there is nothing to fit; evaluate it"));
  }
  if (input.table != nullptr) {
    ASSIGN_OR_RETURN(FitResult result, FitToTable(law, *input.table, request));
    SetProvenance(spec, input.runs, request, result);
    result.data_source = input.table->source.empty() ? "table" : input.table->source;
    result.data_digest = DataDigest(*input.table);
    return result;
  }
  const FitFamily& family = FamilyOf(spec);
  ASSIGN_OR_RETURN(FitResult result, family.fit(law, input, request));
  SetProvenance(spec, input.runs, request, result);
  if (!request.holdout_filter.empty() && input.holdout.size() == 0) {
    result.warnings.push_back(absl::StrCat("the hold-out '", request.holdout_filter,
                                           "' matches no run that the filter selects: nothing was scored"));
  }
  if (family.score != nullptr && input.holdout.size() > 0) {
    RETURN_IF_ERROR(family.score(law, input.holdout, result));
  }
  return result;
}

}  // namespace sextant::fitting
