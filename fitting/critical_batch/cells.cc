// SPDX-License-Identifier: Apache-2.0
#include "fitting/critical_batch/cells.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "fitting/critical_batch/noise_scale.h"

namespace sextant::fitting {
namespace {

constexpr double kLeastFinalError =
    0.003;  // of a final ln loss: the least run-to-run difference seen in practice

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

// Where noise scales are read: the loss that batches race to, or, when none is reached, the one asked for;
// else the loss that every run with noise scales comes down to. 0 when there is none.
double NoiseScaleTarget(const std::vector<const PreparedRun*>& runs, std::span<const StepsToTarget> points,
                        const FromRunsOptions& options) {
  if (!points.empty()) return points[0].target_loss;
  if (!options.target_losses.empty()) return options.target_losses.front();
  double target = 0;
  for (const PreparedRun* run : runs) {
    if (run->curve.gradient_noise_scale_tokens.empty()) continue;
    target = std::max(target, run->curve.smoothed_loss.back());
  }
  return target;
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

}  // namespace

std::vector<PreparedRun> PrepareRuns(std::span<const BatchRun> runs) {
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

std::string ShortNumber(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", v);
  return text;
}

void WarnOfEdge(const BestRate& best, double batch, std::set<std::string>& warnings) {
  if (!(best.learning_rate > 0)) {
    warnings.insert("no learning rate is recorded at batch " + ShortNumber(batch) +
                    ": its steps may not be the fewest");
  } else if (best.only_one) {
    warnings.insert("one learning rate only at batch " + ShortNumber(batch) +
                    ": its steps may not be the fewest");
  } else if (best.at_edge) {
    warnings.insert("best learning rate at the edge of the grid at batch " + ShortNumber(batch));
  }
}

const char* TargetSourceName(TargetSource source) {
  switch (source) {
    case TargetSource::kAlongCurve:
      return "along-curve";
    case TargetSource::kAcrossHorizons:
      return "across-horizons";
    case TargetSource::kAtTheEnd:
      break;
  }
  return "at-the-end";
}

double TokensOfTarget(const std::vector<StepsToTarget>& points) {
  if (points.empty()) return 0;
  const StepsToTarget& middle = points[points.size() / 2];
  return middle.steps * middle.batch_size;
}

void EstimateAll(const std::vector<const PreparedRun*>& runs, const FromRunsOptions& options,
                 CellCriticalBatch& cell) {
  const std::span<const StepsToTarget> points = cell.points;
  cell.estimates.push_back(FitHyperbola(points, options.steps));
  cell.estimates.push_back(FitOverhead(points, options.steps).critical);
  cell.estimates.push_back(MinimumComputeBatch(points, options.steps));
  EstimateNoiseScale(runs, NoiseScaleTarget(runs, points, options), options, cell);
}

}  // namespace sextant::fitting
