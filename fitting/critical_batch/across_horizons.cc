// Tokens to a target across horizons (cells.h).
#include <algorithm>
#include <cmath>
#include <utility>

#include "fitting/critical_batch/cells.h"

namespace sextant::fitting {
namespace {

constexpr double kReach = 0.55;  // how far, in ln tokens, a target may lie beyond a batch's horizons

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

}  // namespace

// Final losses of one size at several horizons. The target of a horizon is the final loss of one of its
// batches, the one that leaves the least to be prolonged.
void AcrossHorizons(double params, const ByBatch& batches, int group, const FromRunsOptions& options,
                    std::vector<CellCriticalBatch>& cells, std::vector<StepsToTarget>& all_points) {
  std::map<double, std::vector<HorizonPoint>> curves;
  std::map<double, std::map<double, double>> rates;
  std::set<std::string> size_warnings;
  std::set<double> horizons;
  for (const auto& [batch, runs] : batches) {
    curves[batch] = HorizonCurve(runs, batch, &rates[batch], size_warnings);
    for (const PreparedRun* run : runs) horizons.insert(run->tokens);
  }
  for (double horizon : horizons) {
    CellCriticalBatch cell;
    cell.params = params;
    cell.tokens = horizon;
    cell.source = TargetSource::kAcrossHorizons;
    std::set<std::string> warnings = size_warnings;
    double best_cost = 1e300;
    for (const auto& [target_batch, target_curve] : curves) {
      for (const HorizonPoint& at : target_curve) {
        if (std::fabs(at.log_tokens - std::log(horizon)) > 2 * kSameWithin) continue;
        std::vector<StepsToTarget> points;
        std::vector<double> best_rates;
        double cost = 0;
        for (const auto& [batch, curve] : curves) {
          const auto reading = TokensToLoss(curve, at.log_loss, kReach);
          if (!reading) {
            cost += 10;  // a batch lost weighs more than any prolonging
            continue;
          }
          cost += reading->outside;
          points.push_back(
              {batch, std::exp(reading->log_tokens) / batch, reading->error, std::exp(at.log_loss), group});
          const auto rate = rates[batch].lower_bound(horizon / (1 + kSameWithin));
          best_rates.push_back(rate != rates[batch].end() ? rate->second : rates[batch].rbegin()->second);
        }
        if (cost < best_cost) {
          best_cost = cost;
          cell.points = std::move(points);
          cell.best_learning_rate = std::move(best_rates);
        }
      }
    }
    for (const auto& [batch, curve] : curves) {
      for (size_t i = 1; i < curve.size(); ++i) {
        if (!(curve[i].log_loss < curve[i - 1].log_loss)) {
          warnings.insert("batch " + ShortNumber(batch) +
                          " is left out: its loss does not fall with every longer horizon");
        }
      }
    }
    if (best_cost > 0.02 && best_cost < 1e300) {
      warnings.insert(
          "some batches reach the target only when their losses are prolonged beyond the measured horizons");
    }
    std::vector<const PreparedRun*> horizon_runs;
    for (const auto& [batch, runs] : batches) {
      for (const PreparedRun* run : runs) {
        if (run->tokens == horizon) horizon_runs.push_back(run);
      }
    }
    EstimateAll(horizon_runs, options, cell);
    all_points.insert(all_points.end(), cell.points.begin(), cell.points.end());
    cell.warnings.assign(warnings.begin(), warnings.end());
    cells.push_back(std::move(cell));
  }
}

}  // namespace sextant::fitting
