// SPDX-License-Identifier: Apache-2.0
#include "fitting/critical_batch/from_runs.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "fitting/critical_batch/cells.h"
#include "fitting/critical_batch/noise_scale.h"

namespace sextant::fitting {
namespace {

constexpr std::size_t kLeastBatches = 3;  // that determine a critical batch

bool Positive(double v) { return v > 0 && std::isfinite(v); }

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
        !(run.learning_rate >= 0 && std::isfinite(run.learning_rate))) {
      return absl::InvalidArgumentError(
          "run '" + run.run_id.substr(0, 100) +
          "': params, tokens and batch must be positive and finite, the learning rate too or 0");
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

// A table of steps to a target: no curves, and every run ends with the same loss at a length of its own.
bool StoppedAtOneLoss(const ByBatch& batches) {
  double least = 1e300, greatest = 0;
  std::set<double> horizons;
  for (const auto& [batch, runs] : batches) {
    for (const PreparedRun* run : runs) {
      if (!run->curve.x.empty() || !(run->final_loss > 0)) return false;
      least = std::min(least, run->final_loss);
      greatest = std::max(greatest, run->final_loss);
      horizons.insert(run->tokens);
    }
  }
  return batches.size() >= kLeastBatches && horizons.size() > 1 && greatest <= (1 + kSameWithin) * least;
}

// Annealed runs are compared by their ends, which takes several horizons of a batch; constant rates by their
// curves, and so is what has only one horizon a batch. Without curves there are only ends.
bool ComparedByTheirEnds(const ByBatch& batches) {
  bool constant = true, has_curve = false;
  std::size_t prolongable = 0;
  for (const auto& [batch, runs] : batches) {
    std::set<double> horizons;
    for (const PreparedRun* run : runs) {
      constant = constant && run->run->rate_is_constant;
      has_curve = has_curve || !run->curve.x.empty();
      horizons.insert(run->tokens);
    }
    prolongable += horizons.size() >= 2;
  }
  return !has_curve || (!constant && prolongable >= kLeastBatches);
}

// A race to a loss ends each batch at its own tokens: then a size is one cell, whatever its horizons.
bool EveryHorizonHasItsBatches(const std::map<double, ByBatch>& by_horizon) {
  return std::all_of(by_horizon.begin(), by_horizon.end(),
                     [](const auto& cell) { return cell.second.size() >= kLeastBatches; });
}

}  // namespace

absl::StatusOr<CriticalBatchReport> EstimateCriticalBatch(std::span<const BatchRun> runs,
                                                          const FromRunsOptions& options) {
  RETURN_IF_ERROR(Check(runs, options));
  const std::vector<PreparedRun> prepared = PrepareRuns(runs);
  CriticalBatchReport report;
  if (prepared.size() < runs.size()) {
    report.warnings.push_back(std::to_string(runs.size() - prepared.size()) + " diverged runs left out");
  }
  std::map<double, ByBatch> by_size;
  std::map<double, std::map<double, ByBatch>> by_cell;
  for (const PreparedRun& run : prepared) {
    by_size[run.params][run.batch].push_back(&run);
    by_cell[run.params][run.tokens][run.batch].push_back(&run);
  }
  std::vector<StepsToTarget> all_points;
  int group = 0;
  for (const auto& [params, batches] : by_size) {
    if (StoppedAtOneLoss(batches)) {
      report.cells.push_back(AtTheEnd(params, batches, group++, options, all_points));
    } else if (ComparedByTheirEnds(batches)) {
      AcrossHorizons(params, batches, group++, options, report.cells, all_points);
    } else if (EveryHorizonHasItsBatches(by_cell[params])) {
      for (const auto& [tokens, cell_batches] : by_cell[params]) {
        report.cells.push_back(AlongCurve(params, tokens, cell_batches, group++, options, all_points));
      }
    } else {
      report.cells.push_back(AlongCurve(params, kTokensOfTarget, batches, group++, options, all_points));
    }
  }
  FitScaling(options, report);
  absl::StatusOr<JointHyperbolaFit> joint = FitJointHyperbola(all_points, options.steps);
  if (joint.ok()) {
    report.has_loss_law = true;
    report.loss_law = joint->law;
    report.loss_law_objective = joint->objective;
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
