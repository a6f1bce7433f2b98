// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/compare.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/progress.h"
#include "fitting/optimum/cells.h"
#include "fitting/optimum/excess_loss.h"
#include "fitting/optimum/identifiability.h"
#include "fitting/optimum/joint_estimator.h"
#include "fitting/optimum/law_basis.h"
#include "fitting/optimum/other_hyperparameters.h"
#include "fitting/optimum/predict.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

using optimum::Axes;
using optimum::AxisScorer;
using optimum::Cell;
using optimum::CellScorer;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// A held-out cell that can be scored on the axes that the study sweeps.
struct Scorer {
  double params;
  double tokens;
  std::size_t cell;  ///< index among the study's cells
  std::optional<CellScorer> both;
  std::optional<AxisScorer> rate;
  std::optional<AxisScorer> batch;

  double Excess(double log_rate, double log_batch) const {
    if (both) {
      return both->ExcessWithinRuns({log_rate, log_batch});
    }
    return rate ? rate->ExcessPercent(log_rate) : batch->ExcessPercent(log_batch);
  }
  /// ln of the cell's own optimum; NaN on an axis that is not swept.
  Eigen::Vector2d Optimum() const {
    if (both) {
      return both->optimum();
    }
    return {rate ? rate->optimum() : kNan, batch ? batch->optimum() : kNan};
  }
};

std::vector<Scorer> MakeScorers(const std::vector<Cell>& cells, Axes axes) {
  std::vector<std::optional<Scorer>> made(cells.size());
  tbb::parallel_for(std::size_t{0}, cells.size(), [&](std::size_t c) {
    Scorer scorer{std::exp(cells[c].log_params), std::exp(cells[c].log_tokens), c, {}, {}, {}};
    if (axes.rate && axes.batch) {
      scorer.both = CellScorer::Make(cells[c]);
    } else if (axes.rate) {
      scorer.rate = AxisScorer::Make(cells[c], OptimumTarget::kLearningRate);
    } else {
      scorer.batch = AxisScorer::Make(cells[c], OptimumTarget::kBatchSizeTokens);
    }
    if (scorer.both || scorer.rate || scorer.batch) {
      made[c] = std::move(scorer);
    }
  });
  std::vector<Scorer> scorers;
  for (std::optional<Scorer>& scorer : made) {
    if (scorer) {
      scorers.push_back(*std::move(scorer));
    }
  }
  return scorers;
}

/// Cells to hold out together; the rest are fitted.
using Fold = std::vector<bool>;

std::vector<Fold> MakeFolds(const std::vector<Cell>& cells, HoldoutSplit split, double tolerance) {
  std::vector<Fold> folds;
  if (split == HoldoutSplit::kLeaveOneCellOut) {
    for (std::size_t c = 0; c < cells.size(); ++c) {
      folds.emplace_back(cells.size(), false);
      folds.back()[c] = true;
    }
    return folds;
  }
  std::vector<double> models;  // rising: cells are ordered by N
  for (const Cell& cell : cells) {
    if (models.empty() || cell.log_params > models.back() + std::log1p(tolerance)) {
      models.push_back(cell.log_params);
    }
  }
  if (models.size() < 2) {
    return folds;
  }
  const auto held = [&](double low, double high) {
    Fold fold;
    for (const Cell& cell : cells) {
      fold.push_back(cell.log_params >= low && cell.log_params <= high + std::log1p(tolerance));
    }
    return fold;
  };
  if (split == HoldoutSplit::kSmallToLarge) {
    folds.push_back(held(models[(models.size() + 1) / 2], models.back()));
    return folds;
  }
  for (const double model : models) {
    folds.push_back(held(model, model));
  }
  return folds;
}

/// One estimator fitted to one fold; scores of the held-out cells.
std::vector<double> ScoreFold(const RunTable& train, const std::vector<const Scorer*>& test, Axes axes,
                              const std::string& estimator, const CompareOptions& options) {
  OptimumOptions fit_options;
  fit_options.estimator = estimator;
  fit_options.band = options.band;
  fit_options.grouping_tolerance = options.grouping_tolerance;
  fit_options.replicates = 0;
  std::optional<OptimumFit> rate;
  std::optional<OptimumFit> batch;
  if (axes.rate) {
    fit_options.target = OptimumTarget::kLearningRate;
    fit_options.variables = options.rate_variables;
    if (absl::StatusOr<OptimumFit> fit = FitOptimum(train, fit_options); fit.ok()) {
      rate = *std::move(fit);
    }
  }
  if (axes.batch) {
    fit_options.target = OptimumTarget::kBatchSizeTokens;
    fit_options.variables = options.batch_variables;
    if (absl::StatusOr<OptimumFit> fit = FitOptimum(train, fit_options); fit.ok()) {
      batch = *std::move(fit);
    }
  }
  std::vector<double> scores(test.size(), kNan);
  if ((axes.rate && !rate) || (axes.batch && !batch)) {
    return scores;
  }
  for (std::size_t i = 0; i < test.size(); ++i) {
    const Scorer& cell = *test[i];
    scores[i] = cell.Excess(rate ? std::log(PredictOptimum(*rate, cell.params, cell.tokens).value) : 0,
                            batch ? std::log(PredictOptimum(*batch, cell.params, cell.tokens).value) : 0);
  }
  return scores;
}

void Summarise(SplitScore& score) {
  double sum = 0;
  score.max_excess_pct = -std::numeric_limits<double>::infinity();
  for (const double excess : score.excess_pct) {
    if (std::isfinite(excess)) {
      sum += excess;
      score.max_excess_pct = std::max(score.max_excess_pct, excess);
      ++score.cells;
    }
  }
  score.mean_excess_pct = score.cells > 0 ? sum / score.cells : kNan;
  score.max_excess_pct = score.cells > 0 ? score.max_excess_pct : kNan;
}

absl::StatusOr<std::pair<std::vector<Cell>, Axes>> CellsAndAxes(const RunTable& runs, double tolerance) {
  absl::StatusOr<optimum::CellTable> table = optimum::GroupIntoCells(runs, {false, false}, tolerance);
  if (!table.ok()) {
    return table.status();
  }
  Axes axes;
  std::size_t rates = 0;
  std::size_t batches = 0;
  for (const Cell& cell : table->cells) {
    rates += cell.rates.Swept();
    batches += cell.batches.Swept();
  }
  axes.rate = 3 * rates >= table->cells.size() && rates > 0;
  axes.batch = 3 * batches >= table->cells.size() && batches > 0;
  if (axes.rate || axes.batch) {
    table = optimum::GroupIntoCells(runs, {axes.rate, axes.batch}, tolerance);
  }
  return std::pair(std::move(table->cells), axes);
}

/// A study of one N or one D cannot tell laws in both: compares laws in the one that varies, and says so.
void UseDeterminedVariables(const std::vector<Cell>& cells, OptimumTarget target, CompareOptions& options,
                            std::vector<std::string>& warnings) {
  const bool rate = target == OptimumTarget::kLearningRate;
  LawVariables& variables = rate ? options.rate_variables : options.batch_variables;
  const auto determined = [&](LawVariables candidate) {
    return optimum::CheckIdentifiable(cells, target, candidate, options.grouping_tolerance).ok();
  };
  if (determined(variables)) {
    return;
  }
  for (const LawVariables fewer : {LawVariables::kTokens, LawVariables::kParams}) {
    if (determined(fewer)) {
      variables = fewer;
      warnings.push_back(absl::StrCat("laws of ", optimum::TargetName(target), " are in ",
                                      optimum::LawVariableNames(fewer)[0],
                                      " alone: this design determines no more"));
      return;
    }
  }
}

}  // namespace

std::string SplitName(HoldoutSplit split) {
  switch (split) {
    case HoldoutSplit::kLeaveOneCellOut:
      return "leave-one-cell-out";
    case HoldoutSplit::kLeaveOneModelOut:
      return "leave-one-N-out";
    case HoldoutSplit::kSmallToLarge:
      return "small-to-large";
  }
  return "";
}

absl::StatusOr<Comparison> CompareEstimators(const RunTable& all_runs, const CompareOptions& asked) {
  CompareOptions options = asked;
  const optimum::OneSetting kept = optimum::KeepOneSettingOfOthers(all_runs, options.grouping_tolerance);
  const RunTable& runs = kept.Of(all_runs);
  const auto cells_and_axes = CellsAndAxes(runs, options.grouping_tolerance);
  if (!cells_and_axes.ok()) {
    return cells_and_axes.status();
  }
  const std::vector<Cell>& cells = cells_and_axes->first;
  const Axes axes = cells_and_axes->second;
  if (!axes.rate && !axes.batch) {
    return NotIdentifiableFromDesign(
        "no cell sweeps learning_rate or batch_size_tokens, so there is "
        "nothing to score");
  }
  const std::vector<Scorer> scorers = MakeScorers(cells, axes);
  if (scorers.empty()) {
    return NotIdentifiableFromDesign(
        "no cell has enough runs near its best loss for a surface of its "
        "own, so there is nothing to score");
  }
  std::vector<std::string> estimators = options.estimators;
  if (estimators.empty()) {
    estimators.assign(EstimatorNames().begin() + 1, EstimatorNames().end());
  }
  Comparison comparison;
  comparison.warnings = kept.warnings;
  comparison.cells_scored = static_cast<int>(scorers.size());
  if (axes.rate) {
    UseDeterminedVariables(cells, OptimumTarget::kLearningRate, options, comparison.warnings);
  }
  if (axes.batch) {
    UseDeterminedVariables(cells, OptimumTarget::kBatchSizeTokens, options, comparison.warnings);
  }
  struct Job {
    std::size_t score;
    RunTable train;
    std::vector<const Scorer*> test;
    std::vector<double> result;
  };
  std::vector<Job> jobs;
  for (const HoldoutSplit split : options.splits) {
    const std::vector<Fold> folds =
        MakeFolds(cells, split, std::max(options.grouping_tolerance, optimum::kParamsTolerance));
    if (folds.empty()) {
      comparison.warnings.push_back(absl::StrCat(SplitName(split), " needs runs at several params"));
      continue;
    }
    for (const std::string& estimator : estimators) {
      comparison.scores.push_back({estimator, split, {}, 0, 0, 0});
      for (const Fold& fold : folds) {
        Job job{comparison.scores.size() - 1, {}, {}, {}};
        std::vector<bool> train(runs.size(), false);
        for (std::size_t c = 0; c < cells.size(); ++c) {
          for (const optimum::CellRun& run : cells[c].runs) {
            train[run.row] = !fold[c];
          }
        }
        for (const Scorer& scorer : scorers) {
          if (fold[scorer.cell]) {
            job.test.push_back(&scorer);
          }
        }
        if (!job.test.empty()) {
          job.train = SelectRows(runs, train);
          jobs.push_back(std::move(job));
        }
      }
    }
  }
  const ProgressPhase phase("held-out fits", static_cast<std::int64_t>(jobs.size()));
  tbb::parallel_for(std::size_t{0}, jobs.size(), [&](std::size_t j) {
    phase.Add();
    if (!options.cancelled || !options.cancelled()) {
      jobs[j].result =
          ScoreFold(jobs[j].train, jobs[j].test, axes, comparison.scores[jobs[j].score].estimator, options);
    }
  });
  if (options.cancelled && options.cancelled()) {
    return absl::CancelledError("comparison cancelled");
  }
  for (const Job& job : jobs) {
    std::vector<double>& excess = comparison.scores[job.score].excess_pct;
    excess.insert(excess.end(), job.result.begin(), job.result.end());
  }
  for (SplitScore& score : comparison.scores) {
    Summarise(score);
  }
  // What no fold answers is no score; a split in which nothing is answered is left out.
  for (const HoldoutSplit split : options.splits) {
    const auto answered = [split](const SplitScore& score) {
      return score.split == split && score.cells > 0;
    };
    const auto present = [split](const SplitScore& score) { return score.split == split; };
    if (std::any_of(comparison.scores.begin(), comparison.scores.end(), present) &&
        std::none_of(comparison.scores.begin(), comparison.scores.end(), answered)) {
      comparison.warnings.push_back(
          absl::StrCat(SplitName(split), " is left out: the cells that remain determine no law"));
    }
  }
  std::erase_if(comparison.scores, [](const SplitScore& score) { return score.cells == 0; });
  if (comparison.scores.empty()) {
    return NotIdentifiableFromDesign(
        absl::StrCat("no held-out split leaves cells that determine laws in ",
                     absl::StrJoin(optimum::LawVariableNames(options.rate_variables), " and ")));
  }
  return comparison;
}

absl::StatusOr<HeldOutScore> ScoreHeldOut(const RunTable& held_out, const OptimumFit* rate,
                                          const OptimumFit* batch, double grouping_tolerance) {
  const absl::StatusOr<optimum::CellTable> table =
      optimum::GroupIntoCells(held_out, {rate != nullptr, batch != nullptr}, grouping_tolerance);
  if (!table.ok()) {
    return table.status();
  }
  const std::vector<Scorer> scorers = MakeScorers(table->cells, {rate != nullptr, batch != nullptr});
  if (scorers.empty()) {
    return absl::FailedPreconditionError("no held-out cell has enough runs near its best loss to be scored");
  }
  HeldOutScore score;
  int errors = 0;
  for (const Scorer& scorer : scorers) {
    Eigen::Vector2d predicted(0, 0);
    const OptimumFit* fits[] = {rate, batch};
    for (int axis = 0; axis < 2; ++axis) {
      if (fits[axis] != nullptr) {
        predicted[axis] = std::log(PredictOptimum(*fits[axis], scorer.params, scorer.tokens).value);
        score.mean_relative_error += std::abs(std::expm1(predicted[axis] - scorer.Optimum()[axis]));
        ++errors;
      }
    }
    score.mean_excess_loss += scorer.Excess(predicted[0], predicted[1]) / 100;
    score.runs += static_cast<int>(table->cells[scorer.cell].runs.size());
    ++score.cells;
  }
  score.mean_relative_error /= errors;
  score.mean_excess_loss /= score.cells;
  return score;
}

}  // namespace sextant::fitting
