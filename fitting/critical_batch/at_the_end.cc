// SPDX-License-Identifier: Apache-2.0
// Steps to a target that every run stopped at (cells.h).
#include <cmath>
#include <utility>

#include "fitting/critical_batch/cells.h"

namespace sextant::fitting {

CellCriticalBatch AtTheEnd(double params, const ByBatch& batches, int group, const FromRunsOptions& options,
                           std::vector<StepsToTarget>& all_points) {
  CellCriticalBatch cell;
  cell.params = params;
  cell.source = TargetSource::kAtTheEnd;
  std::set<std::string> warnings;
  std::vector<const PreparedRun*> all_runs;
  for (const auto& [batch, runs] : batches) {
    std::vector<RatePoint> rates;
    for (const PreparedRun* run : runs) {
      rates.push_back({run->run->learning_rate, std::log(run->run->tokens / run->run->batch_size_tokens), 0});
    }
    const BestRate best = LeastOverRates(std::move(rates));
    if (best.learning_rate > 0) WarnOfEdge(best, batch, warnings);
    // How well steps were counted is not known, and a target is one number for all.
    cell.points.push_back({batch, std::exp(best.value), 0, batches.begin()->second[0]->final_loss, group});
    cell.best_learning_rate.push_back(best.learning_rate);
    all_runs.insert(all_runs.end(), runs.begin(), runs.end());
  }
  cell.tokens = TokensOfTarget(cell.points);
  EstimateAll(all_runs, options, cell);
  all_points.insert(all_points.end(), cell.points.begin(), cell.points.end());
  cell.warnings.assign(warnings.begin(), warnings.end());
  return cell;
}

}  // namespace sextant::fitting
