// SPDX-License-Identifier: Apache-2.0
// Steps to a target along curves (cells.h).
#include <algorithm>
#include <cmath>

#include "fitting/critical_batch/cells.h"

namespace sextant::fitting {
namespace {

// The steps of every batch to `target` along its own curves, at its best rate for that target.
void ReadAlongCurves(const ByBatch& batches, double target, int group, CellCriticalBatch& cell,
                     std::vector<StepsToTarget>& points, std::set<std::string>& warnings) {
  for (const auto& [batch, runs] : batches) {
    std::vector<RatePoint> rates;
    for (const PreparedRun* run : runs) {
      if (run->curve.x.empty()) continue;
      if (const auto crossing = FirstCrossing(run->curve, target)) {
        const double log_steps = run->curve.x_is_step ? crossing->log_x : crossing->log_x - std::log(batch);
        rates.push_back({run->run->learning_rate, log_steps, crossing->error});
      }
    }
    if (rates.empty()) continue;
    const BestRate best = LeastOverRates(std::move(rates));
    WarnOfEdge(best, batch, warnings);
    points.push_back({batch, std::exp(best.value), std::max(best.error, 0.005), target, group});
    cell.best_learning_rate.push_back(best.learning_rate);
  }
}

// Losses that every batch reaches: from the worst batch's best end back to where all have left the first
// fall.
std::vector<double> ChooseTargets(const ByBatch& batches, const FromRunsOptions& options) {
  if (!options.target_losses.empty()) return options.target_losses;
  double lowest = 0, highest = 1e300;
  for (const auto& [batch, runs] : batches) {
    double least = 1e300, start = 0;
    for (const PreparedRun* run : runs) {
      if (run->curve.x.empty()) continue;
      least = std::min(least,
                       *std::min_element(run->curve.smoothed_loss.begin(), run->curve.smoothed_loss.end()));
      start = std::max(start, run->curve.smoothed_loss.front());
    }
    if (start == 0) continue;
    lowest = std::max(lowest, least);
    highest = std::min(highest, start);
  }
  std::vector<double> targets;
  if (!(lowest > 0) || !(highest > 1.02 * lowest)) return targets;
  // The lower half of the fall, in ln loss; the very end of the worst batch is too noisy to be crossed.
  const double bottom = std::log(lowest) + 0.01, top = bottom + 0.5 * (std::log(highest) - bottom);
  for (int k = 0; k < options.targets; ++k) {
    targets.push_back(std::exp(bottom + (top - bottom) * k / std::max(1, options.targets - 1)));
  }
  return targets;
}

}  // namespace

CellCriticalBatch AlongCurve(double params, double tokens, const ByBatch& batches, int group,
                             const FromRunsOptions& options, std::vector<StepsToTarget>& all_points) {
  CellCriticalBatch cell;
  cell.params = params;
  cell.tokens = tokens;
  cell.source = TargetSource::kAlongCurve;
  std::set<std::string> warnings;
  bool constant = true;
  for (const auto& [batch, runs] : batches) {
    for (const PreparedRun* run : runs) constant = constant && run->run->rate_is_constant;
  }
  std::vector<double> targets = ChooseTargets(batches, options);
  std::sort(targets.begin(), targets.end());
  if (targets.empty()) warnings.insert("no loss is reached by all batches and left behind by none");
  bool first = true;
  for (double target : targets) {
    CellCriticalBatch scratch;
    std::vector<StepsToTarget> points;
    std::set<std::string>& sink = warnings;
    ReadAlongCurves(batches, target, group, scratch, points, sink);
    if (points.size() < 3) continue;
    all_points.insert(all_points.end(), points.begin(), points.end());
    if (!first) continue;
    first = false;
    cell.points = points;
    cell.best_learning_rate = scratch.best_learning_rate;
    if (tokens == kTokensOfTarget) cell.tokens = TokensOfTarget(points);
  }
  if (!constant) {
    warnings.insert(
        "the schedule is annealed or not recorded: a target passed in mid-schedule costs more steps than a "
        "run planned to end there");
  }
  std::vector<const PreparedRun*> all_runs;
  for (const auto& [batch, runs] : batches) all_runs.insert(all_runs.end(), runs.begin(), runs.end());
  EstimateAll(all_runs, options, cell);
  cell.warnings.assign(warnings.begin(), warnings.end());
  return cell;
}

}  // namespace sextant::fitting
