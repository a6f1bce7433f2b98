// SPDX-License-Identifier: Apache-2.0
// Tokens to a target across horizons (cells.h).
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "fitting/critical_batch/cells.h"

namespace sextant::fitting {
namespace {

constexpr double kHorizonReach = 0.55;  // how far, in ln tokens, a target may lie beyond a batch's horizons

// One batch's best final loss at every horizon.
std::vector<HorizonPoint> HorizonCurve(const std::vector<const PreparedRun*>& runs, double batch,
                                       std::map<double, double>* best_rate, std::set<std::string>& warnings) {
  std::map<double, std::vector<RatePoint>> by_horizon;
  for (const PreparedRun* run : runs) {
    if (run->final_loss > 0) {
      by_horizon[run->tokens].push_back(
          {run->run->learning_rate, std::log(run->final_loss), run->final_error});
    }
  }
  std::vector<HorizonPoint> points;
  for (auto& [tokens, rates] : by_horizon) {
    const BestRate best = LeastOverRates(std::move(rates));
    WarnOfEdge(best, batch, warnings);
    points.push_back({std::log(tokens), best.value, best.error});
    if (best_rate != nullptr) (*best_rate)[tokens] = best.learning_rate;
  }
  return points;
}

struct Size {
  std::map<double, std::vector<HorizonPoint>> curves;  // by batch
  std::map<double, std::map<double, double>> rates;    // best rate, by batch and horizon
};

// The tokens of every batch to one loss, the best rates at `horizon`, and how far losses had to be prolonged.
struct Reading {
  std::vector<StepsToTarget> points;
  std::vector<double> best_rates;
  double cost = 0;
};

Reading ReadAt(const Size& size, double log_target, double horizon, int group) {
  Reading read;
  for (const auto& [batch, curve] : size.curves) {
    const auto reading = TokensToLoss(curve, log_target, kHorizonReach);
    if (!reading) {
      read.cost += 10;  // a batch lost weighs more than any prolonging
      continue;
    }
    read.cost += reading->outside;
    read.points.push_back(
        {batch, std::exp(reading->log_tokens) / batch, reading->error, std::exp(log_target), group});
    const std::map<double, double>& rates = size.rates.at(batch);
    const auto rate = rates.lower_bound(horizon / (1 + kSameWithin));
    read.best_rates.push_back(rate != rates.end() ? rate->second : rates.rbegin()->second);
  }
  return read;
}

// The target of a horizon is the final loss of one of its batches, the one that leaves the least to be
// prolonged.
std::optional<Reading> ReadHorizon(const Size& size, double horizon, int group) {
  std::optional<Reading> best;
  for (const auto& [batch, curve] : size.curves) {
    for (const HorizonPoint& at : curve) {
      if (std::fabs(at.log_tokens - std::log(horizon)) > 2 * kSameWithin) continue;
      Reading read = ReadAt(size, at.log_loss, horizon, group);
      if (!best || read.cost < best->cost) best = std::move(read);
    }
  }
  return best;
}

}  // namespace

void AcrossHorizons(double params, const ByBatch& batches, int group, const FromRunsOptions& options,
                    std::vector<CellCriticalBatch>& cells, std::vector<StepsToTarget>& all_points) {
  Size size;
  std::set<std::string> warnings;
  std::set<double> horizons;
  std::vector<const PreparedRun*> all_runs;
  for (const auto& [batch, runs] : batches) {
    size.curves[batch] = HorizonCurve(runs, batch, &size.rates[batch], warnings);
    all_runs.insert(all_runs.end(), runs.begin(), runs.end());
    for (const PreparedRun* run : runs) horizons.insert(run->tokens);
    const std::vector<HorizonPoint>& curve = size.curves[batch];
    for (size_t i = 1; i < curve.size(); ++i) {
      if (!(curve[i].log_loss < curve[i - 1].log_loss)) {
        warnings.insert("batch " + ShortNumber(batch) +
                        " is left out: its loss does not fall with every longer horizon");
      }
    }
  }
  const auto add = [&](std::optional<Reading> read, double tokens,
                       const std::vector<const PreparedRun*>& runs) {
    CellCriticalBatch cell;
    cell.params = params;
    cell.tokens = tokens;
    cell.source = TargetSource::kAcrossHorizons;
    cell.warnings.assign(warnings.begin(), warnings.end());
    if (read) {
      if (read->cost > 0.02) {
        cell.warnings.push_back(
            "some batches reach the target only when their losses are prolonged beyond the measured "
            "horizons");
      }
      cell.points = std::move(read->points);
      cell.best_learning_rate = std::move(read->best_rates);
    }
    EstimateAll(runs, options, cell);
    all_points.insert(all_points.end(), cell.points.begin(), cell.points.end());
    cells.push_back(std::move(cell));
  };
  for (const double target : options.target_losses) {
    Reading read = ReadAt(size, std::log(target), 0, group);
    const double tokens = TokensOfTarget(read.points);
    add(std::move(read), tokens, all_runs);
  }
  if (!options.target_losses.empty()) return;
  for (const double horizon : horizons) {
    std::vector<const PreparedRun*> runs;
    for (const PreparedRun* run : all_runs) {
      if (run->tokens == horizon) runs.push_back(run);
    }
    add(ReadHorizon(size, horizon, group), horizon, runs);
  }
}

}  // namespace sextant::fitting
