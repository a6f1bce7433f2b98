#include "fitting/other_optimum_fit.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "fitting/optimum/other_hyperparameters.h"
#include "fitting/optimum_record.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

/// The optimum estimators know two axes by name; here they carry others.
std::string Renamed(const std::string& text, const std::string& target) {
  return absl::StrReplaceAll(text, {{"learning_rate", target}, {"batch_size_tokens", "learning_rate"}});
}

}  // namespace

bool IsOtherHyperparameter(Target target) {
  return target == Target::kWeightDecay || target == Target::kAdamBeta2;
}

double OtherScale(Target target, double value) { return target == Target::kAdamBeta2 ? 1 - value : value; }

absl::StatusOr<FitResult> FitOtherOptimum(Target target, const RunTable& runs, OptimumOptions options) {
  const bool decay = target == Target::kWeightDecay;
  const optimum::Hyperparameter own = decay ? optimum::kWeightDecay : optimum::kAdamBeta2;
  const optimum::Hyperparameter other = decay ? optimum::kAdamBeta2 : optimum::kWeightDecay;
  if (options.estimator == "auto") options.estimator = "quadratic";
  if (options.estimator == "surface" || options.estimator == "regret") {
    return absl::InvalidArgumentError(absl::StrCat("estimator: '", options.estimator,
                                                   "' is for rates and batches; ", own.name,
                                                   " takes quadratic, band, soft-band or argmin"));
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
  // An ordinary law from here on: what the record says of rates and batches would be of other axes.
  result.model.clear();
  result.model_replicates.clear();
  result.fitted_range.erase("B");
  result.fitted_range.erase("learning_rate");
  for (const char* diagnostic : {"cells_best_batch_lowest", "cells_best_batch_highest",
                                 "cells_best_rate_lowest", "cells_best_rate_highest"}) {
    result.diagnostics.erase(diagnostic);
  }
  if (!decay) {
    // A short memory is a low beta2: the ends of the region change places, on another scale.
    result.near_optimal_log_low = result.near_optimal_log_high = 0;
  }
  for (std::string& warning : result.warnings) warning = Renamed(warning, own.name);
  result.warnings.insert(result.warnings.begin(), kept.warnings.begin(), kept.warnings.end());
  return result;
}

}  // namespace sextant::fitting
