// SPDX-License-Identifier: Apache-2.0
#include "fitting/critical_batch/steps_to_goal.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/quantile.h"
#include "base/random.h"

namespace sextant::fitting {
namespace {

constexpr int kMostSfoReplicates = 1000;
// S(2B) / S(B) of the hyperbola is 0.55 at B_crit / B = 9, and 0.9 at B_crit / B = 1/4.
constexpr double kPerfectRatio = 9, kMaximumRatio = 0.25;

std::vector<StepsToGoal> BestOfEachBatch(std::span<const StepsToGoal> runs) {
  std::map<double, StepsToGoal> best;
  for (const StepsToGoal& run : runs) {
    if (!(run.batch > 0) || !(run.steps > 0) || !std::isfinite(run.batch) || !std::isfinite(run.steps))
      continue;
    const auto [at, is_new] = best.try_emplace(run.batch, run);
    if (!is_new && run.steps < at->second.steps) at->second = run;
  }
  std::vector<StepsToGoal> rows;
  for (const auto& [batch, run] : best) rows.push_back(run);
  return rows;
}

// For one c, a is the mean of what is left: the sum of squared ln residuals.
double SfoMisfit(const std::vector<double>& log_batch, const std::vector<double>& log_steps, double c,
                 double* log_a) {
  double sum = 0, squares = 0;
  const auto n = static_cast<double>(log_batch.size());
  for (std::size_t i = 0; i < log_batch.size(); ++i) {
    const double rest = log_steps[i] + std::log1p(-c / std::exp(log_batch[i]));
    sum += rest;
    squares += rest * rest;
  }
  if (log_a != nullptr) *log_a = sum / n;
  return std::max(0.0, squares - sum * sum / n);
}

// c between 0 and the smallest batch, on a grid that is fine near it and then narrowed.
double BestC(const std::vector<double>& log_batch, const std::vector<double>& log_steps) {
  const double limit = std::exp(*std::min_element(log_batch.begin(), log_batch.end()));
  constexpr int kGrid = 60;
  const auto at = [&](double u) { return limit * (1 - std::exp(-u)); };  // u from 0 up: c nears the limit
  double best_u = 0, best = SfoMisfit(log_batch, log_steps, 0, nullptr), step = 12.0 / kGrid;
  for (int i = 1; i <= kGrid; ++i) {
    const double misfit = SfoMisfit(log_batch, log_steps, at(step * i), nullptr);
    if (misfit < best) best = misfit, best_u = step * i;
  }
  for (int round = 0; round < 40; ++round) {
    step /= 2;
    for (const double u : {best_u - step, best_u + step}) {
      if (u < 0) continue;
      const double misfit = SfoMisfit(log_batch, log_steps, at(u), nullptr);
      if (misfit < best) best = misfit, best_u = u;
    }
  }
  return at(best_u);
}

SfoFit FitSfo(const std::vector<StepsToGoal>& rows, const FromStepsOptions& options) {
  SfoFit fit;
  if (rows.size() < 4) return fit;
  std::vector<double> log_batch, log_steps, fitted, residual;
  for (const StepsToGoal& row : rows) {
    log_batch.push_back(std::log(row.batch));
    log_steps.push_back(std::log(row.steps));
  }
  double log_a = 0;
  fit.c = BestC(log_batch, log_steps);
  const auto n = static_cast<double>(rows.size());
  fit.misfit = std::sqrt(SfoMisfit(log_batch, log_steps, fit.c, &log_a) / n);
  fit.a = std::exp(log_a);
  if (!(fit.c > 0)) return fit;  // steps that do not rise at small batches know no c
  const double spread = std::sqrt(n / std::max(1.0, n - 2));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    fitted.push_back(log_a - std::log1p(-fit.c / rows[i].batch));
    residual.push_back((log_steps[i] - fitted[i]) * spread);
  }
  RandomStream random(options.seed, 0);
  std::vector<double> found;
  for (int r = 0; r < std::min(options.replicates, kMostSfoReplicates); ++r) {
    std::vector<double> drawn = fitted;
    for (double& value : drawn) value += residual[random.Index(residual.size())];
    found.push_back(2 * BestC(log_batch, drawn));
  }
  fit.answered = true;
  fit.fewest_gradients_batch.value = fit.fewest_gradients_batch.low = fit.fewest_gradients_batch.high =
      2 * fit.c;
  if (!found.empty()) {
    const double tail = (1 - options.confidence) / 2;
    std::sort(found.begin(), found.end());
    fit.fewest_gradients_batch.low = Quantile(found, tail);
    fit.fewest_gradients_batch.high = Quantile(found, 1 - tail);
  }
  return fit;
}

}  // namespace

StepsToGoalReport AnalyzeStepsToGoal(std::span<const StepsToGoal> runs, const FromStepsOptions& options) {
  StepsToGoalReport report;
  report.best = BestOfEachBatch(runs);
  std::vector<StepsToTarget> points;
  for (const StepsToGoal& row : report.best) {
    StepsToTarget& point = points.emplace_back();
    point.batch_size = row.batch;
    point.steps = row.steps;
  }
  report.hyperbola = FitHyperbola(points, options);
  if (report.hyperbola.answered) {
    report.perfect_to = report.hyperbola.batch_size.value / kPerfectRatio;
    report.maximum_from = report.hyperbola.batch_size.value / kMaximumRatio;
  }
  report.sfo = FitSfo(report.best, options);
  return report;
}

}  // namespace sextant::fitting
