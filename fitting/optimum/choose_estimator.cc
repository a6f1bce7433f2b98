// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/choose_estimator.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "fitting/optimum/compare.h"
#include "fitting/optimum/identifiability.h"
#include "fitting/optimum/joint_estimator.h"

namespace sextant::fitting::optimum {
namespace {

constexpr double kNoiseFloorPct = 0.015;
constexpr int kLeastCells = 5;
/// With fewer N held-out cells only test interpolation, which says nothing of a far larger run; more folds
/// than the upper limit cost more than they tell.
constexpr int kLeastModels = 3;
constexpr int kMostModels = 60;

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
  int count = 0;
  for (std::size_t i = 0; i < challenger.excess_pct.size() && i < incumbent.excess_pct.size(); ++i) {
    // Below zero the scoring surface was extrapolated past its runs: no better than its minimum.
    const double gain = std::max(0.0, incumbent.excess_pct[i]) - std::max(0.0, challenger.excess_pct[i]);
    if (!std::isfinite(incumbent.excess_pct[i]) || !std::isfinite(challenger.excess_pct[i])) {
      continue;
    }
    sum += gain;
    squares += gain * gain;
    ++count;
  }
  if (count < kLeastCells) {
    return false;
  }
  const double mean = sum / count;
  const double variance = std::max(0.0, squares / count - mean * mean) / (count - 1);
  return mean > kNoiseFloorPct && mean > 2 * std::sqrt(variance);
}

}  // namespace

absl::StatusOr<EstimatorChoice> ChooseEstimator(const RunTable& runs, const std::vector<Cell>& cells,
                                                Axes axes, const OptimumOptions& options) {
  EstimatorChoice choice;
  if (!EnoughForSurface(cells, axes)) {
    choice.estimator = "band";
    choice.warnings.push_back("too few runs a cell for a loss surface: the near-optimal band is used");
    return choice;
  }
  choice.estimator = "regret";
  const int models = CountModels(cells, options.grouping_tolerance);
  if (models < kLeastModels || models > kMostModels || cells.size() < static_cast<std::size_t>(kLeastCells)) {
    choice.candidates.push_back({"regret", 1, std::nan("")});
    return choice;
  }
  CompareOptions compare;
  compare.estimators = {"regret", "surface", "band"};
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
    choice.candidates.push_back({"regret", 1, std::nan("")});
    return choice;
  }
  const SplitScore* best = &comparison->scores.front();
  for (const SplitScore& score : comparison->scores) {
    if (ClearlyBetter(score, *best)) {
      best = &score;
    }
  }
  choice.estimator = best->estimator;
  for (const SplitScore& score : comparison->scores) {
    choice.candidates.push_back({score.estimator, &score == best ? 1.0 : 0.0, score.mean_excess_pct});
  }
  return choice;
}

}  // namespace sextant::fitting::optimum
