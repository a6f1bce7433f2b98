// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "fitting/optimum/cells.h"
#include "fitting/optimum/choose_estimator.h"
#include "fitting/optimum/estimators.h"
#include "fitting/optimum/identifiability.h"
#include "fitting/optimum/joint_estimator.h"
#include "fitting/optimum/optimum_fit.h"
#include "fitting/optimum/other_hyperparameters.h"
#include "fitting/optimum/study_checks.h"

namespace sextant::fitting {
namespace {

using optimum::Cell;
using optimum::CellRun;
using optimum::CellTable;

absl::Status CheckOptions(const OptimumOptions& options) {
  const std::vector<std::string>& names = EstimatorNames();
  if (std::find(names.begin(), names.end(), options.estimator) == names.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown estimator '", options.estimator, "'; known: ", absl::StrJoin(names, ", ")));
  }
  if (!(options.band > 0 && options.band <= 0.5)) {
    return absl::InvalidArgumentError(absl::StrCat("band ", options.band, " is outside (0, 0.5]"));
  }
  if (!(options.grouping_tolerance > 0 && options.grouping_tolerance <= 0.1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("grouping tolerance ", options.grouping_tolerance, " is outside (0, 0.1]"));
  }
  if (options.replicates < 0 || options.replicates > 100000) {
    return absl::InvalidArgumentError(
        absl::StrCat("replicates ", options.replicates, " is outside 0 to 100000"));
  }
  return absl::OkStatus();
}

FittedRange RangeOf(const std::vector<Cell>& cells, const std::vector<double>& column) {
  FittedRange range{std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
  if (column.empty()) {
    return range;
  }
  for (const Cell& cell : cells) {
    for (const CellRun& run : cell.runs) {
      range.low = std::fmin(range.low, column[run.row]);
      range.high = std::fmax(range.high, column[run.row]);
    }
  }
  return range;
}

}  // namespace

absl::StatusOr<OptimumFit> FitOptimum(const RunTable& all_runs, const OptimumOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) {
    return status;
  }
  const optimum::OneSetting kept = optimum::KeepOneSettingOfOthers(all_runs, options.grouping_tolerance);
  const RunTable& runs = kept.Of(all_runs);
  const bool for_rate = options.target == OptimumTarget::kLearningRate;
  absl::StatusOr<CellTable> table =
      optimum::GroupIntoCells(runs, {for_rate, !for_rate}, options.grouping_tolerance);
  if (!table.ok()) {
    return table.status();
  }
  std::vector<std::string> warnings = kept.warnings;
  if (absl::Status status = optimum::CheckBatchUnits(runs, table->cells); !status.ok()) {
    return status;
  }
  const std::vector<std::string> mixed = optimum::StudyWarnings(runs, table->cells);
  warnings.insert(warnings.end(), mixed.begin(), mixed.end());
  std::vector<Cell> cells = optimum::KeepSweptCells(std::move(table->cells), options.target, warnings);
  if (absl::Status status =
          optimum::CheckIdentifiable(cells, options.target, options.variables, options.grouping_tolerance);
      !status.ok()) {
    return status;
  }
  const optimum::Axes axes = optimum::SweptAxes(cells, options.target);
  optimum::EstimatorChoice choice{options.estimator, {}, {}};
  if (options.estimator == "auto") {
    absl::StatusOr<optimum::EstimatorChoice> chosen = optimum::ChooseEstimator(runs, cells, axes, options);
    if (!chosen.ok()) {
      return chosen.status();
    }
    choice = *std::move(chosen);
    warnings.insert(warnings.end(), choice.warnings.begin(), choice.warnings.end());
  }
  const OptimumEstimator* const estimator = FindOptimumEstimator(choice.estimator);
  if (estimator == nullptr) {
    return absl::InternalError(absl::StrCat("auto chose '", choice.estimator, "', which is no estimator"));
  }
  if (estimator->joint && axes.rate && axes.batch) {
    // The joint estimators need both quantities of every run.
    table = optimum::GroupIntoCells(runs, {true, true}, options.grouping_tolerance);
    if (!table.ok()) {
      return table.status();
    }
    warnings = kept.warnings;
    warnings.insert(warnings.end(), mixed.begin(), mixed.end());
    warnings.insert(warnings.end(), choice.warnings.begin(), choice.warnings.end());
    cells = optimum::KeepSweptCells(std::move(table->cells), options.target, warnings);
    if (absl::Status status =
            optimum::CheckIdentifiable(cells, options.target, options.variables, options.grouping_tolerance);
        !status.ok()) {
      return status;
    }
  }
  if (estimator->joint && !(axes.rate && axes.batch)) {
    warnings.push_back(absl::StrCat(axes.rate ? "batch_size_tokens" : "learning_rate",
                                    " was not swept: the law holds at the values that the runs used"));
  }
  absl::StatusOr<OptimumFit> fit = estimator->fit(cells, axes, options);
  if (!fit.ok()) {
    return fit.status();
  }
  fit->target = options.target;
  fit->variables = options.variables;
  fit->estimator = estimator->name;
  if (!choice.candidates.empty()) {
    fit->members = choice.candidates;
  }
  fit->runs_eligible = table->runs_eligible;
  fit->runs_diverged = table->runs_diverged;
  fit->runs_incomplete = table->runs_incomplete;
  fit->cells = static_cast<int>(cells.size());
  fit->edges = optimum::CountEdges(cells);
  fit->params = RangeOf(cells, runs.params);
  fit->tokens = RangeOf(cells, runs.tokens);
  fit->learning_rate = RangeOf(cells, runs.learning_rate);
  fit->batch_size_tokens = RangeOf(cells, runs.batch_size_tokens);
  const std::vector<std::string> design =
      optimum::DesignWarnings(cells, options.target, options.variables, fit->edges);
  warnings.insert(warnings.end(), design.begin(), design.end());
  fit->warnings.insert(fit->warnings.begin(), warnings.begin(), warnings.end());
  return fit;
}

}  // namespace sextant::fitting
