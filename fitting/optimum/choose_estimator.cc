// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/choose_estimator.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "fitting/optimum/average_estimator.h"
#include "fitting/optimum/compare.h"
#include "fitting/optimum/identifiability.h"
#include "fitting/optimum/joint_estimator.h"
#include "fitting/optimum/own_runs.h"
#include "fitting/optimum/votes.h"

namespace sextant::fitting::optimum {
namespace {

constexpr char kDefaultEstimator[] = "average";
constexpr double kLeastGainShare = 0.5;
constexpr double kNoiseFloorPct = 0.015;
constexpr int kLeastCells = 5;
/// With fewer N held-out cells only test interpolation, which says nothing of a far larger run; more folds
/// than the upper limit cost more than they tell.
constexpr int kLeastModels = 3;
constexpr int kMostModels = 12;

int CountModels(const std::vector<Cell>& cells, double tolerance) {
  int models = 0;
  double last = 0;
  for (const Cell& cell : cells) {
    if (models == 0 || cell.log_params > last + std::log1p(tolerance)) {
      ++models;
      last = cell.log_params;
    }
  }
  return models;
}

/// Whether `challenger` beats `incumbent` on the cells that both answered, by the rule of the header.
bool ClearlyBetter(const SplitScore& challenger, const SplitScore& incumbent) {
  double sum = 0;
  double squares = 0;
  double challenged = 0;
  int count = 0;
  for (std::size_t i = 0; i < challenger.excess_pct.size() && i < incumbent.excess_pct.size(); ++i) {
    // Below zero the scoring surface was extrapolated past its runs: no better than its minimum.
    const double gain = std::max(0.0, incumbent.excess_pct[i]) - std::max(0.0, challenger.excess_pct[i]);
    if (!std::isfinite(incumbent.excess_pct[i]) || !std::isfinite(challenger.excess_pct[i])) {
      continue;
    }
    sum += gain;
    squares += gain * gain;
    challenged += std::max(0.0, challenger.excess_pct[i]);
    ++count;
  }
  if (count < kLeastCells) {
    return false;
  }
  const double mean = sum / count;
  const double variance = std::max(0.0, squares / count - mean * mean) / (count - 1);
  return mean > kNoiseFloorPct && mean > kLeastGainShare * challenged / count &&
         mean > 2 * std::sqrt(variance);
}

}  // namespace

absl::StatusOr<EstimatorChoice> ChooseEstimator(const RunTable& runs, const std::vector<Cell>& cells,
                                                Axes axes, const OptimumOptions& options) {
  EstimatorChoice choice;
  const auto use_band = [&choice](const std::string& why) {
    choice.estimator = "band";
    choice.warnings.push_back(why + ": the near-optimal band is used");
    return choice;
  };
  if (!EnoughForSurface(cells, axes)) {
    return use_band("too few runs for a loss surface");
  }
  OptimumOptions point = options;
  point.replicates = 0;
  absl::StatusOr<OptimumFit> average = FitAverage(cells, axes, point);
  if (!average.ok()) {
    return use_band(absl::StrCat("no loss surface could be fitted (", average.status().message(), ")"));
  }
  average->estimator = kDefaultEstimator;
  average->target = options.target;
  average->variables = options.variables;
  if (absl::StatusOr<OptimumFit> band = FitByVotes(cells, point, BandVotes(point, point.band)); band.ok()) {
    band->estimator = "band";
    band->target = options.target;
    band->variables = options.variables;
    if (const std::string why = Contradiction(cells, axes, *average, *band); !why.empty()) {
      return use_band(why);
    }
  }
  choice.estimator = kDefaultEstimator;
  const int models = CountModels(cells, std::max(options.grouping_tolerance, kParamsTolerance));
  if (models < kLeastModels || models > kMostModels || cells.size() < static_cast<std::size_t>(kLeastCells)) {
    choice.candidates.push_back({kDefaultEstimator, 1, std::nan("")});
    return choice;
  }
  CompareOptions compare;
  compare.estimators = {kDefaultEstimator, "band"};
  compare.splits = {HoldoutSplit::kLeaveOneModelOut};
  compare.band = options.band;
  compare.grouping_tolerance = options.grouping_tolerance;
  compare.cancelled = options.cancelled;
  LawVariables partner = LawVariables::kParamsTokens;
  const OptimumTarget other = options.target == OptimumTarget::kLearningRate ? OptimumTarget::kBatchSizeTokens
                                                                             : OptimumTarget::kLearningRate;
  if (!CheckIdentifiable(cells, other, partner, options.grouping_tolerance).ok()) {
    partner = options.variables;
  }
  const bool for_rate = options.target == OptimumTarget::kLearningRate;
  compare.rate_variables = for_rate ? options.variables : partner;
  compare.batch_variables = for_rate ? partner : options.variables;
  const absl::StatusOr<Comparison> comparison = CompareEstimators(runs, compare);
  if (absl::IsCancelled(comparison.status())) {
    return comparison.status();
  }
  if (!comparison.ok() || comparison->scores.empty()) {
    choice.candidates.push_back({kDefaultEstimator, 1, std::nan("")});
    return choice;
  }
  const SplitScore* best = &comparison->scores.front();
  for (const SplitScore& score : comparison->scores) {
    if (ClearlyBetter(score, *best)) {
      best = &score;
    }
  }
  if (best->estimator != kDefaultEstimator) {
    choice.warnings.push_back(absl::StrFormat(
        "on held-out params the near-optimal band costs %.3f %% of loss, the average of surfaces %.3f "
        "%%: the band is used",
        best->mean_excess_pct, comparison->scores.front().mean_excess_pct));
  }
  choice.estimator = best->estimator;
  for (const SplitScore& score : comparison->scores) {
    choice.candidates.push_back({score.estimator, &score == best ? 1.0 : 0.0, score.mean_excess_pct});
  }
  return choice;
}

}  // namespace sextant::fitting::optimum
