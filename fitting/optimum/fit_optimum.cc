// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "fitting/optimum/cells.h"
#include "fitting/optimum/choose_estimator.h"
#include "fitting/optimum/estimators.h"
#include "fitting/optimum/form_spread.h"
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

/// The cells of one fit, and what was said about them.
struct Prepared {
  CellTable table;
  std::vector<Cell> cells;
  std::vector<std::string> warnings;
};

absl::StatusOr<Prepared> Prepare(const RunTable& runs, optimum::CellNeeds needs,
                                 const OptimumOptions& options) {
  Prepared prepared;
  ASSIGN_OR_RETURN(prepared.table, optimum::GroupIntoCells(runs, needs, options.grouping_tolerance));
  RETURN_IF_ERROR(optimum::CheckOneRecipe(runs, prepared.table.cells));
  RETURN_IF_ERROR(optimum::CheckBatchUnits(runs, prepared.table.cells));
  prepared.warnings = optimum::StudyWarnings(runs, prepared.table.cells);
  prepared.cells =
      optimum::KeepSweptCells(std::move(prepared.table.cells), options.target, prepared.warnings);
  RETURN_IF_ERROR(optimum::CheckIdentifiable(prepared.cells, options.target, options.variables,
                                             options.grouping_tolerance));
  return prepared;
}

void Describe(const RunTable& runs, const Prepared& from, const OptimumOptions& options,
              const std::string& estimator, OptimumFit& fit) {
  fit.target = options.target;
  fit.variables = options.variables;
  fit.estimator = estimator;
  fit.runs_eligible = from.table.runs_eligible;
  fit.runs_diverged = from.table.runs_diverged;
  fit.runs_incomplete = from.table.runs_incomplete;
  fit.cells = static_cast<int>(from.cells.size());
  fit.edges = optimum::CountEdges(from.cells);
  fit.params = RangeOf(from.cells, runs.params);
  fit.tokens = RangeOf(from.cells, runs.tokens);
  fit.learning_rate = RangeOf(from.cells, runs.learning_rate);
  fit.batch_size_tokens = RangeOf(from.cells, runs.batch_size_tokens);
  std::vector<std::string> warnings = from.warnings;
  const std::vector<std::string> design =
      optimum::DesignWarnings(from.cells, options.target, options.variables, fit.edges);
  warnings.insert(warnings.end(), design.begin(), design.end());
  fit.warnings.insert(fit.warnings.begin(), warnings.begin(), warnings.end());
}

/// "auto": the average of all estimators that see all runs or, with a warning that says why, the band.
/// `joint`, if not ok, has no cells in which both quantities are recorded.
absl::StatusOr<OptimumFit> FitAuto(const RunTable& runs, const Prepared& own,
                                   const absl::StatusOr<Prepared>& joint, optimum::Axes axes,
                                   const OptimumOptions& options) {
  std::string why;
  absl::StatusOr<OptimumFit> average = absl::FailedPreconditionError("not fitted");
  if (!joint.ok()) {
    why = absl::StrCat("no loss surface can be fitted (", joint.status().message(), ")");
  } else if (!optimum::EnoughForSurface(joint->cells, axes)) {
    why = "too few runs for a loss surface";
  } else {
    average = FindOptimumEstimator("average")->fit(joint->cells, axes, options);
    if (absl::IsCancelled(average.status())) return average;
    if (!average.ok()) {
      why = absl::StrCat("no loss surface could be fitted (", average.status().message(), ")");
    } else {
      Describe(runs, *joint, options, "average", *average);
    }
  }
  if (why.empty() && !optimum::MayNeedBand(joint->cells, axes, *average)) return average;
  ASSIGN_OR_RETURN(OptimumFit band, FindOptimumEstimator("band")->fit(own.cells, axes, options));
  Describe(runs, own, options, "band", band);
  optimum::AddFormSpread(own.cells, options, band);
  if (why.empty()) why = optimum::WhyBand(joint->cells, axes, *average, band);
  if (why.empty()) return average;
  band.warnings.push_back(why + ": the near-optimal band is used");
  return band;
}

}  // namespace

absl::StatusOr<OptimumFit> FitOptimum(const RunTable& all_runs, const OptimumOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  const optimum::OneSetting kept = optimum::KeepOneSettingOfOthers(all_runs, options.grouping_tolerance);
  const RunTable& runs = kept.Of(all_runs);
  const bool for_rate = options.target == OptimumTarget::kLearningRate;
  ASSIGN_OR_RETURN(Prepared own, Prepare(runs, {for_rate, !for_rate}, options));
  const optimum::Axes axes = optimum::SweptAxes(own.cells, options.target);
  const bool automatic = options.estimator == "auto";
  const OptimumEstimator* const estimator = FindOptimumEstimator(automatic ? "average" : options.estimator);
  if (estimator == nullptr) {
    return absl::InternalError(absl::StrCat("'", options.estimator, "' is listed, but is no estimator"));
  }
  // The joint estimators need both quantities of every run.
  absl::StatusOr<Prepared> joint = own;
  if (estimator->joint && axes.rate && axes.batch) joint = Prepare(runs, {true, true}, options);
  absl::StatusOr<OptimumFit> fit = absl::InternalError("not fitted");
  if (automatic) {
    fit = FitAuto(runs, own, joint, axes, options);
    if (!fit.ok()) return fit;
  } else {
    const absl::StatusOr<Prepared>& cells = estimator->joint ? joint : absl::StatusOr<Prepared>(own);
    if (!cells.ok()) return cells.status();
    fit = estimator->fit(cells->cells, axes, options);
    if (!fit.ok()) return fit;
    Describe(runs, *cells, options, estimator->name, *fit);
  }
  if (joint.ok()) {
    if (std::string end = optimum::AtEndOfOwnBand(joint->cells, *fit); !end.empty()) {
      fit->warnings.push_back(std::move(end));
    }
  }
  if (FindOptimumEstimator(fit->estimator)->joint && !(axes.rate && axes.batch)) {
    fit->warnings.push_back(absl::StrCat(axes.rate ? "batch_size_tokens" : "learning_rate",
                                         " was not swept: the law holds at the values that the runs used"));
  }
  fit->warnings.insert(fit->warnings.begin(), kept.warnings.begin(), kept.warnings.end());
  return fit;
}

}  // namespace sextant::fitting
