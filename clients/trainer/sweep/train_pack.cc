// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/sweep/train_pack.h"

#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <set>

#include "base/status_macros.h"

namespace sextant::trainer {
namespace {

// Steps at which the curve is written. A branch to another batch has those of its trunk and as many of its
// own, with none that averages over both.
std::set<int64_t> PointsOf(const RunSpec& run, int64_t steps, int points) {
  std::set<int64_t> at;
  const int64_t start = run.role == RunRole::kBatch ? run.from.step : 0;
  if (start > 0)
    for (const int64_t step : CurveSteps(start, points)) at.insert(step);
  if (steps > start)
    for (const int64_t step : CurveSteps(steps - start, points)) at.insert(start + step);
  return at;
}

Curve MakeCurve(const Sweep& sweep, const RunSpec& spec, const StepLog& log, size_t run,
                const Measured& validation, const Measured& noise) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::set<int64_t> steps = PointsOf(spec, static_cast<int64_t>(log.train_loss.size()), sweep.curve.points);
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

// The state of the runs' own trunks, in the order of the runs: fewer than trained together when some of the
// branches are written already.
absl::StatusOr<Checkpoint> ReadOwn(const Training& training, const Pack& pack) {
  ASSIGN_OR_RETURN(Checkpoint all,
                   training.checkpoints->Read(training.identity, pack.runs.front().from.step));
  Checkpoint own;
  own.snapshot.step = all.snapshot.step;
  auto take = [](const Measured& from, size_t at, Measured* to) {
    for (const auto& [step, values] : from)
      if (at < values.size()) (*to)[step].push_back(values[at]);
  };
  for (const size_t at : pack.places) {
    if (at >= all.snapshot.runs.size()) return absl::DataLossError("the state kept is of fewer trunks");
    own.snapshot.runs.push_back(std::move(all.snapshot.runs[at]));
    take(all.validation, at, &own.validation);
    take(all.noise, at, &own.noise);
  }
  return own;
}

class PackTrainer {
 public:
  PackTrainer(const Training& training, const Pack& pack)
      : training_(training),
        pack_(pack),
        curve_(training.sweep.curve),
        job_(MakeJob(training.sweep, pack)),
        steps_(job_.schedule.steps),
        keep_(pack.keep.begin(), pack.keep.end()) {
    const std::vector<int64_t> even = EvenSteps(steps_, curve_.validation_points);
    validate_at_.insert(even.begin(), even.end());
    validate_at_.insert(pack.validate.begin(), pack.validate.end());
    // Noise is measured where training still goes on, at the middles of equal parts of the run.
    for (int i = 0; i < curve_.noise_points && job_.batch_sequences >= 2; ++i) {
      auto at = std::max<int64_t>(1, steps_ * (2 * i + 1) / (2 * curve_.noise_points));
      if (keep_.contains(at)) --at;  // before state is kept, so that going on from there misses nothing
      if (at > 0) noise_at_.insert(at);
    }
  }

  absl::StatusOr<std::vector<RunRecord>> Train() {
    const auto begin = std::chrono::steady_clock::now();
    ASSIGN_OR_RETURN(engine_, training_.backend->NewEngine(job_));
    RETURN_IF_ERROR(Resume());
    const int64_t start = done_;
    std::set<int64_t> stops = validate_at_;
    stops.insert(noise_at_.begin(), noise_at_.end());
    stops.insert(keep_.begin(), keep_.end());
    stops.erase(stops.begin(), stops.upper_bound(start));
    for (const int64_t next : stops) {
      for (; done_ < next; ++done_) {  // points of the curve may lie hours apart
        if (training_.stop.load(std::memory_order_relaxed)) return absl::CancelledError("stopped");
        RETURN_IF_ERROR(engine_->Advance(1));
      }
      RETURN_IF_ERROR(Measure(next, stops));
      if (keep_.contains(next)) RETURN_IF_ERROR(Keep());
      training_.progress(static_cast<double>(done_ - start) / static_cast<double>(steps_ - start));
    }
    ASSIGN_OR_RETURN(const std::vector<StepLog> logs, engine_->ReadLog());
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::vector<RunRecord> records;
    for (size_t run = 0; run < pack_.runs.size(); ++run) records.push_back(Record(logs[run], run, seconds));
    return records;
  }

 private:
  absl::Status Resume() {
    Checkpoint from;
    if (pack_.trunk != kNoTrunk) {
      ASSIGN_OR_RETURN(from, ReadOwn(training_, pack_));
      // A curve of its own horizon, as if trained alone; of the trunk's validations those that it asks for.
      if (pack_.runs.front().role == RunRole::kHorizon)
        std::erase_if(from.validation, [&](const auto& at) { return !validate_at_.contains(at.first); });
    } else if (pack_.is_trunk()) {
      int64_t last = 0;
      for (const int64_t step : keep_)
        if (training_.checkpoints->Holds(training_.identity, step)) last = step;
      if (last == 0) return absl::OkStatus();
      ASSIGN_OR_RETURN(from, training_.checkpoints->Read(training_.identity, last));
    } else {
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(engine_->Restore(from.snapshot));
    done_ = from.snapshot.step;
    validation_ = std::move(from.validation);
    noise_ = std::move(from.noise);
    // A trunk that ended here before may have been written without a validation at its end.
    if (done_ == steps_ && !validation_.contains(steps_)) return Measure(steps_, {});
    return absl::OkStatus();
  }

  absl::Status Measure(int64_t at, const std::set<int64_t>& stops) {
    if (noise_at_.contains(at)) {
      // The measurement may train on a few steps; it is written at the step it began at.
      const auto later = stops.upper_bound(at);
      const int64_t limit =
          validate_at_.contains(at) || keep_.contains(at) || later == stops.end() ? done_ : *later;
      ASSIGN_OR_RETURN(std::vector<double> scale, MeasureNoise(curve_, pack_.runs.front().batch_size_tokens(),
                                                               limit, engine_.get(), &done_));
      noise_[at] = std::move(scale);
    }
    if (validate_at_.contains(at)) {
      ASSIGN_OR_RETURN(std::vector<double> losses, engine_->ValidationLoss());
      validation_[at] = std::move(losses);
    }
    return absl::OkStatus();
  }

  absl::Status Keep() {
    ASSIGN_OR_RETURN(Snapshot snapshot, engine_->Save());
    RETURN_IF_ERROR(
        training_.checkpoints->Write(training_.identity, {std::move(snapshot), validation_, noise_}));
    training_.kept(done_);
    return absl::OkStatus();
  }

  RunRecord Record(const StepLog& log, size_t run, double seconds) const {
    RunRecord record;
    record.run = pack_.runs[run];
    const double loss = validation_.at(steps_)[run];
    const bool diverged = !std::isfinite(log.train_loss.back()) || !std::isfinite(loss);
    record.state = diverged ? "DIVERGED" : "FINISHED";
    record.loss_nats = diverged ? std::numeric_limits<double>::quiet_NaN() : loss;
    record.bytes_per_token = training_.bytes_per_token;
    record.seconds = seconds;
    record.fused_runs = static_cast<int>(pack_.runs.size());
    record.device = training_.backend->name();
    record.sweep = training_.sweep.name;
    record.curve = MakeCurve(training_.sweep, pack_.runs[run], log, run, validation_, noise_);
    return record;
  }

  const Training& training_;
  const Pack& pack_;
  const CurveSpec& curve_;
  const FusedJob job_;
  const int64_t steps_;
  const std::set<int64_t> keep_;
  std::set<int64_t> validate_at_, noise_at_;
  std::unique_ptr<Engine> engine_;
  Measured validation_, noise_;
  int64_t done_ = 0;
};

}  // namespace

std::vector<int64_t> CurveSteps(int64_t steps, int points) {
  const std::vector<int64_t> even = EvenSteps(steps, std::max(1, points / 2));
  std::set<int64_t> at(even.begin(), even.end());
  for (int i = 0; i < points / 2; ++i) {
    at.insert(
        std::llround(std::pow(static_cast<double>(steps), static_cast<double>(i) / std::max(1, points / 2))));
  }
  return {at.begin(), at.end()};
}

absl::StatusOr<std::vector<RunRecord>> TrainPack(const Training& training, const Pack& pack) {
  return PackTrainer(training, pack).Train();
}

}  // namespace sextant::trainer
