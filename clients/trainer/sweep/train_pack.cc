// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/sweep/train_pack.h"

#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/status_macros.h"

namespace sextant::trainer {
namespace {

// Step numbers at `points` even fractions of the run.
std::set<int64_t> EvenSteps(int64_t steps, int points) {
  std::set<int64_t> at;
  for (int i = 1; i <= points; ++i) at.insert(std::max<int64_t>(1, steps * i / points));
  return at;
}

// What was measured on the way, by step: a value for each run.
using Measured = std::map<int64_t, std::vector<double>>;

Curve MakeCurve(const Sweep& sweep, const StepLog& log, size_t run, const Measured& validation,
                const Measured& noise) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::set<int64_t> steps;
  for (const int64_t step : CurveSteps(static_cast<int64_t>(log.train_loss.size()), sweep.curve.points)) {
    steps.insert(step);
  }
  for (const auto& [step, values] : validation) steps.insert(step);
  for (const auto& [step, values] : noise) steps.insert(step);
  Curve curve;
  int64_t previous = 0;
  for (const int64_t step : steps) {
    double sum = 0;
    for (int64_t i = previous; i < step; ++i) sum += log.train_loss[i];
    curve.step.push_back(step);
    curve.train_loss.push_back(sum / static_cast<double>(step - previous));
    const auto loss = validation.find(step);
    curve.validation_loss.push_back(loss == validation.end() ? nan : loss->second[run]);
    if (!noise.empty()) {
      const auto scale = noise.find(step);
      curve.gradient_noise_scale.push_back(scale == noise.end() ? nan : scale->second[run]);
    }
    previous = step;
  }
  return curve;
}

// The noise scale of each run from norms averaged over the batches that come next, training on them.
absl::StatusOr<std::vector<double>> MeasureNoise(const CurveSpec& curve, int64_t batch_size_tokens,
                                                 int64_t limit, Engine* engine, int64_t* step) {
  std::vector<GradientNorms> sums;
  for (int i = 0; i < curve.noise_batches && (i == 0 || *step < limit); ++i) {
    ASSIGN_OR_RETURN(std::vector<GradientNorms> norms, engine->MeasureGradientNorms());
    sums.resize(norms.size());
    for (size_t run = 0; run < sums.size(); ++run) {
      sums[run].whole_squared += norms[run].whole_squared;
      sums[run].half_squared += norms[run].half_squared;
    }
    if (*step >= limit) break;
    RETURN_IF_ERROR(engine->Advance(1));
    ++*step;
  }
  std::vector<double> scales;
  for (const GradientNorms& sum : sums)
    scales.push_back(NoiseScaleTokens(sum, static_cast<double>(batch_size_tokens)));
  return scales;
}

}  // namespace

std::vector<int64_t> CurveSteps(int64_t steps, int points) {
  std::set<int64_t> at = EvenSteps(steps, std::max(1, points / 2));
  for (int i = 0; i < points / 2; ++i) {
    at.insert(
        std::llround(std::pow(static_cast<double>(steps), static_cast<double>(i) / std::max(1, points / 2))));
  }
  return {at.begin(), at.end()};
}

absl::StatusOr<std::vector<RunRecord>> TrainPack(const Sweep& sweep, const Pack& pack, Backend* backend,
                                                 double bytes_per_token, const std::atomic<bool>& stop,
                                                 const std::function<void(double)>& progress) {
  const auto begin = std::chrono::steady_clock::now();
  const FusedJob job = MakeJob(sweep, pack);
  ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine, backend->NewEngine(job));
  const int64_t steps = job.schedule.steps;
  const int64_t batch_size_tokens = pack.runs.front().batch_size_tokens();
  const std::set<int64_t> validate_at = EvenSteps(steps, sweep.curve.validation_points);
  // Noise is measured where training still goes on, at the middles of equal parts of the run.
  std::set<int64_t> noise_at;
  for (int i = 0; i < sweep.curve.noise_points && job.batch_sequences >= 2; ++i) {
    noise_at.insert(std::max<int64_t>(1, steps * (2 * i + 1) / (2 * sweep.curve.noise_points)));
  }
  std::set<int64_t> stops = validate_at;
  stops.insert(noise_at.begin(), noise_at.end());
  Measured validation;
  Measured noise;
  int64_t done = 0;
  for (const int64_t next : stops) {
    for (; done < next; ++done) {  // points of the curve may lie hours apart
      if (stop.load(std::memory_order_relaxed)) return absl::CancelledError("stopped");
      RETURN_IF_ERROR(engine->Advance(1));
    }
    if (noise_at.contains(next)) {
      // The measurement may train on a few steps; it is written at the step it began at.
      const int64_t limit = validate_at.contains(next) ? done : *stops.upper_bound(next);
      ASSIGN_OR_RETURN(std::vector<double> scale,
                       MeasureNoise(sweep.curve, batch_size_tokens, limit, engine.get(), &done));
      noise[next] = std::move(scale);
    }
    if (validate_at.contains(next)) {
      ASSIGN_OR_RETURN(std::vector<double> losses, engine->ValidationLoss());
      validation[next] = std::move(losses);
    }
    progress(static_cast<double>(done) / static_cast<double>(steps));
  }
  ASSIGN_OR_RETURN(std::vector<StepLog> logs, engine->ReadLog());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::vector<RunRecord> records;
  for (size_t run = 0; run < pack.runs.size(); ++run) {
    RunRecord record;
    record.run = pack.runs[run];
    const bool diverged =
        !std::isfinite(logs[run].train_loss.back()) || !std::isfinite(validation[steps][run]);
    record.state = diverged ? "DIVERGED" : "FINISHED";
    record.loss_nats = diverged ? std::numeric_limits<double>::quiet_NaN() : validation[steps][run];
    record.bytes_per_token = bytes_per_token;
    record.seconds = seconds;
    record.fused_runs = static_cast<int>(pack.runs.size());
    record.device = backend->name();
    record.sweep = sweep.name;
    record.curve = MakeCurve(sweep, logs[run], run, validation, noise);
    records.push_back(std::move(record));
  }
  return records;
}

}  // namespace sextant::trainer
