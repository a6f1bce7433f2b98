// SPDX-License-Identifier: Apache-2.0
#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "fitting/families/family.h"
#include "fitting/families/log_linear_form.h"
#include "fitting/families/optimum_result.h"
#include "fitting/law/target_names.h"
#include "fitting/optimum/estimators.h"
#include "fitting/optimum/other_hyperparameters.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

/// The optimum estimators know two axes by name; here they carry others.
std::string Renamed(const std::string& text, const std::string& target) {
  return absl::StrReplaceAll(text, {{"learning_rate", target}, {"batch_size_tokens", "learning_rate"}});
}

bool OfDecayOrBeta2(const LawSpec& law) {
  return law.target == Target::kWeightDecay || law.target == Target::kAdamBeta2;
}

/// Fits exp(log_c) times powers of the variables to each cell's optimum of `target`, with the learning rate
/// as partner and batch (and the other of the two) at their best, by the estimators that assume nothing of
/// rates and batches; "auto" is quadratic. Runs without the hyperparameter, or at zero, do not enter.
/// Parameters come in the order log_c, exponents. `options.target` is not read.
absl::StatusOr<FitResult> FitOtherOptimum(Target target, const RunTable& runs, OptimumOptions options) {
  const bool decay = target == Target::kWeightDecay;
  const optimum::Hyperparameter own = decay ? optimum::kWeightDecay : optimum::kAdamBeta2;
  const optimum::Hyperparameter other = decay ? optimum::kAdamBeta2 : optimum::kWeightDecay;
  if (options.estimator == "auto") options.estimator = "quadratic";
  if (const OptimumEstimator* asked = FindOptimumEstimator(options.estimator);
      asked != nullptr && asked->joint) {
    return absl::InvalidArgumentError(absl::StrCat("estimator: '", options.estimator,
                                                   "' is for rates and batches; ", own.name, " takes ",
                                                   ListOptimumEstimators(false)));
  }
  const optimum::OneSetting kept = optimum::KeepOneSetting(
      runs, {own, optimum::kLearningRate}, {optimum::kBatchSize, other}, options.grouping_tolerance);
  RunTable table = kept.Of(runs);
  table.batch_size_tokens = std::move(table.learning_rate);
  table.learning_rate = table.*own.column;
  for (double& value : table.learning_rate) value = OtherScale(target, value);
  table.weight_decay.clear();
  table.adam_beta2.clear();
  options.target = OptimumTarget::kLearningRate;
  absl::StatusOr<OptimumFit> fit = FitOptimum(table, options);
  if (!fit.ok()) return WithMessage(fit.status(), Renamed(std::string(fit.status().message()), own.name));

  FitResult result;
  OptimumToResult(*fit, result);
  // What the optimum's model says of rates and batches would be of other axes.
  OtherOptimumModel model;
  if (decay) {
    model = {fit->near_optimal_low, fit->near_optimal_high};
  }  // else a short memory is a low beta2: the ends of the region change places, on another scale.
  result.model = model;
  result.fitted_range.erase("B");
  result.fitted_range.erase("learning_rate");
  for (const char* diagnostic : {"cells_best_batch_lowest", "cells_best_batch_highest",
                                 "cells_best_rate_lowest", "cells_best_rate_highest"}) {
    result.diagnostics.erase(diagnostic);
  }
  for (std::string& warning : result.warnings) warning = Renamed(warning, own.name);
  result.warnings.insert(result.warnings.begin(), kept.warnings.begin(), kept.warnings.end());
  return result;
}

absl::StatusOr<FitResult> FitDecayOrBeta2(const std::shared_ptr<const Law>& law, const FitInput& input,
                                          const FitRequest& request) {
  const std::optional<LawVariables> form =
      request.fixed_parameters.empty() ? LogLinearForm(*law) : std::nullopt;
  if (!form) return FitToNearOptimalRuns(law, input.runs, request);
  ASSIGN_OR_RETURN(FitResult result,
                   FitOtherOptimum(law->spec().target, input.runs, OptimumOptionsOf(request, *form)));
  RenameParameters(law->spec(), result);
  return result;
}

}  // namespace

const FitFamily kOtherOptimumFamily = {
    .answers = OfDecayOrBeta2,
    .needs = {},
    .estimators = EstimatorNames,
    .takes = [](const KindOptions& options) { return std::holds_alternative<NearOptimalOptions>(options); },
    .why_no_holdout =
        [](const LawSpec& law) {
          return absl::StrCat("not for laws of ", TargetName(law.target),
                              ": runs kept back have no score for one");
        },
    .fit = FitDecayOrBeta2,
    .score = nullptr,
};

}  // namespace sextant::fitting
