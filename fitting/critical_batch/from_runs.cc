#include "fitting/critical_batch/from_runs.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "absl/status/status.h"
#include "fitting/critical_batch/noise_scale.h"
#include "fitting/critical_batch/target_steps.h"

namespace sextant::fitting {
namespace {

constexpr double kSameWithin = 0.003;  // sizes, horizons and batches that differ by less are one value
constexpr double kReach = 0.55;        // how far, in ln tokens, a target may lie beyond a batch's horizons
constexpr double kLeastFinalError =
    0.003;  // of a final ln loss: the least run-to-run difference seen in practice

bool Positive(double v) { return v > 0 && std::isfinite(v); }

std::string Number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", v);
  return text;
}

// Representatives of values that agree within kSameWithin.
class Levels {
 public:
  double operator()(double v) {
    const auto at = std::lower_bound(levels_.begin(), levels_.end(), v / (1 + kSameWithin));
    if (at != levels_.end() && *at <= v * (1 + kSameWithin)) return *at;
    levels_.insert(at, v);
    return v;
  }

 private:
  std::vector<double> levels_;
};

struct PreparedRun {
  const BatchRun* run = nullptr;
  double params = 0, tokens = 0, batch = 0;  // grouping keys
  CleanCurve curve;
  double final_loss = 0, final_error = 0;  // 0 when unknown
};

std::vector<PreparedRun> Prepare(std::span<const BatchRun> runs) {
  Levels params, tokens, batches;
  std::vector<PreparedRun> prepared;
  for (const BatchRun& run : runs) {
    PreparedRun p;
    p.run = &run;
    p.params = params(run.params);
    p.tokens = tokens(run.tokens);
    p.batch = batches(run.batch_size_tokens);
    CleanOptions options;
    options.warmup_steps = run.warmup_steps;
    p.curve = Clean(run.curve, options);
    const CurveLabel label = p.curve.quality.label;
    if (label == CurveLabel::kDiverged) continue;
    const bool has_curve = label != CurveLabel::kMalformed && label != CurveLabel::kTooShort;
    p.final_loss = run.final_loss > 0 ? run.final_loss : has_curve ? p.curve.smoothed_loss.back() : 0;
    p.final_error = std::max(kLeastFinalError, has_curve ? p.curve.quality.noise / 3 : 0);
    if (!has_curve) p.curve = CleanCurve{};
    prepared.push_back(std::move(p));
  }
  return prepared;
}

using ByBatch = std::map<double, std::vector<const PreparedRun*>>;

void WarnOfEdge(const BestRate& best, double batch, std::set<std::string>& warnings) {
  if (best.only_one) {
    warnings.insert("one learning rate only at batch " + Number(batch) + ": its steps may not be the fewest");
  } else if (best.at_edge) {
    warnings.insert("best learning rate at the edge of the grid at batch " + Number(batch));
  }
}

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

// The noise scale that the cell's runs measured near the target: the run in the middle, when several did.
void EstimateNoiseScale(const std::vector<const PreparedRun*>& runs, double target,
                        const FromRunsOptions& options, CellCriticalBatch& cell) {
  std::vector<CriticalBatchEstimate> estimates;
  bool measured = false;
  for (const PreparedRun* run : runs) {
    if (run->curve.gradient_noise_scale_tokens.empty()) continue;
    measured = true;
    CriticalBatchEstimate e =
        NoiseScaleAtLoss(run->curve, target, 0.05, options.steps.confidence, options.steps.seed);
    if (e.answered) estimates.push_back(std::move(e));
  }
  if (!measured) return;  // nothing was asked of these runs
  if (estimates.empty()) {
    CriticalBatchEstimate none;
    none.definition = CriticalBatchDefinition::kNoiseScale;
    none.reason = "no run measured the noise scale near the target loss often enough";
    cell.estimates.push_back(none);
    return;
  }
  const auto middle = estimates.begin() + static_cast<std::ptrdiff_t>(estimates.size() / 2);
  std::nth_element(estimates.begin(), middle, estimates.end(),
                   [](const CriticalBatchEstimate& x, const CriticalBatchEstimate& y) {
                     return x.batch_size.value < y.batch_size.value;
                   });
  cell.estimates.push_back(*middle);
}

void EstimateAll(const std::vector<const PreparedRun*>& runs, const FromRunsOptions& options,
                 CellCriticalBatch& cell) {
  const std::span<const StepsToTarget> points = cell.points;
  cell.estimates.push_back(FitHyperbola(points, options.steps));
  cell.estimates.push_back(FitOverhead(points, options.steps).critical);
  cell.estimates.push_back(MinimumComputeBatch(points, options.steps));
  if (!points.empty()) EstimateNoiseScale(runs, points[0].target_loss, options, cell);
}

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
  }
  if (!constant) {
    warnings.insert(
        "the rates are annealed: a target passed in mid-schedule costs more steps than a run planned to end "
        "there");
  }
  std::vector<const PreparedRun*> all_runs;
  for (const auto& [batch, runs] : batches) all_runs.insert(all_runs.end(), runs.begin(), runs.end());
  EstimateAll(all_runs, options, cell);
  cell.warnings.assign(warnings.begin(), warnings.end());
  return cell;
}

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

// Final losses of one size at several horizons. The target of a horizon is the final loss of one of its
// batches, the one that leaves the least to be prolonged.
void AcrossHorizons(double params, const ByBatch& batches, int first_group, const FromRunsOptions& options,
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
          points.push_back({batch, std::exp(reading->log_tokens) / batch, reading->error,
                            std::exp(at.log_loss), first_group});
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
          warnings.insert("batch " + Number(batch) +
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

void FitScaling(const FromRunsOptions& options, CriticalBatchReport& report) {
  const auto fit = [&](CriticalBatchDefinition definition, ScaleLaws& laws, std::string& reason) {
    std::vector<ScaledCriticalBatch> points;
    for (const CellCriticalBatch& cell : report.cells) {
      for (const CriticalBatchEstimate& e : cell.estimates) {
        if (e.definition != definition || !e.answered) continue;
        const double error = std::log(e.batch_size.high / e.batch_size.low) / 3.29;  // a 90 % interval, as sd
        points.push_back({cell.params, cell.tokens, e.batch_size.value, std::max(error, 0.0)});
      }
    }
    absl::StatusOr<ScaleLaws> fitted =
        FitScaleLaws(points, options.steps.confidence, options.steps.replicates, options.steps.seed);
    if (fitted.ok()) {
      laws = *std::move(fitted);
    } else {
      reason = std::string(fitted.status().message());
    }
  };
  fit(CriticalBatchDefinition::kHyperbola, report.hyperbola_scaling, report.hyperbola_scaling_reason);
  fit(CriticalBatchDefinition::kOverhead, report.overhead_scaling, report.overhead_scaling_reason);
}

absl::Status Check(std::span<const BatchRun> runs, const FromRunsOptions& options) {
  if (runs.empty()) return absl::InvalidArgumentError("no runs");
  for (const BatchRun& run : runs) {
    if (!Positive(run.params) || !Positive(run.tokens) || !Positive(run.batch_size_tokens) ||
        !Positive(run.learning_rate)) {
      return absl::InvalidArgumentError(
          "run '" + run.run_id.substr(0, 100) +
          "': params, tokens, batch and learning rate must be positive and finite");
    }
  }
  if (options.targets < 1 || options.targets > 100 || options.target_losses.size() > 100) {
    return absl::InvalidArgumentError("between 1 and 100 target losses can be asked for");
  }
  for (double loss : options.target_losses) {
    if (!Positive(loss)) return absl::InvalidArgumentError("target losses must be positive and finite");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CriticalBatchReport> EstimateCriticalBatch(std::span<const BatchRun> runs,
                                                          const FromRunsOptions& options) {
  if (absl::Status status = Check(runs, options); !status.ok()) return status;
  const std::vector<PreparedRun> prepared = Prepare(runs);
  CriticalBatchReport report;
  if (prepared.size() < runs.size()) {
    report.warnings.push_back(std::to_string(runs.size() - prepared.size()) + " diverged runs left out");
  }
  // Annealed runs are compared by their ends, so they need several horizons; constant rates by their curves.
  std::map<double, ByBatch> by_size;
  std::map<double, std::map<double, ByBatch>> by_cell;
  bool constant = true;
  for (const PreparedRun& run : prepared) {
    by_size[run.params][run.batch].push_back(&run);
    by_cell[run.params][run.tokens][run.batch].push_back(&run);
    constant = constant && run.run->rate_is_constant;
  }
  std::vector<StepsToTarget> all_points;
  int group = 0;
  for (const auto& [params, batches] : by_size) {
    if (!constant && by_cell[params].size() >= 2 && options.target_losses.empty()) {
      AcrossHorizons(params, batches, group++, options, report.cells, all_points);
      continue;
    }
    for (const auto& [tokens, cell_batches] : by_cell[params]) {
      report.cells.push_back(AlongCurve(params, tokens, cell_batches, group++, options, all_points));
    }
  }
  FitScaling(options, report);
  absl::StatusOr<JointHyperbolaFit> joint = FitJointHyperbola(all_points, options.steps);
  if (joint.ok()) {
    report.has_loss_law = true;
    report.loss_law = joint->law;
    for (const std::string& warning : joint->warnings) report.warnings.push_back(warning);
  } else {
    report.loss_law_reason = std::string(joint.status().message());
  }
  std::vector<CleanCurve> measured;
  for (const PreparedRun& run : prepared) {
    if (!run.curve.gradient_noise_scale_tokens.empty()) measured.push_back(run.curve);
  }
  absl::StatusOr<LossPowerLaw> noise_law =
      absl::FailedPreconditionError("no run carries gradient noise scales");
  if (!measured.empty()) {
    noise_law = FitNoiseScaleLaw(measured, options.steps.confidence, std::min(options.steps.replicates, 400),
                                 options.steps.seed);
  }
  report.has_noise_scale_law = noise_law.ok();
  if (noise_law.ok()) {
    report.noise_scale_law = *std::move(noise_law);
  } else {
    report.noise_scale_law_reason = std::string(noise_law.status().message());
  }
  return report;
}

}  // namespace sextant::fitting
