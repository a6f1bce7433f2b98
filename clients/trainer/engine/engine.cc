// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/engine/engine.h"

#include <absl/strings/str_cat.h>

#include <cmath>
#include <limits>

#include "base/status_macros.h"

namespace sextant::trainer {

double NoiseScaleTokens(const GradientNorms& mean, double batch_size_tokens) {
  const double half = batch_size_tokens / 2;
  const double signal = (batch_size_tokens * mean.whole_squared - half * mean.half_squared) / half;
  const double noise = (mean.half_squared - mean.whole_squared) / (1 / half - 1 / batch_size_tokens);
  return signal > 0 && noise > 0 ? noise / signal : std::numeric_limits<double>::quiet_NaN();
}

absl::Status Validate(const FusedJob& job, const TokenSet& tokens) {
  RETURN_IF_ERROR(Validate(job.shape));
  if (job.runs.empty()) return absl::InvalidArgumentError("a job needs at least one run");
  if (job.batch_sequences < 1) return absl::InvalidArgumentError("a batch needs at least one window");
  const Schedule& schedule = job.schedule;
  if (schedule.steps < 1) return absl::InvalidArgumentError("steps must be at least 1");
  if (schedule.warmup_steps < 0 || schedule.warmup_steps > schedule.steps || schedule.decay_steps < 0 ||
      schedule.decay_steps > schedule.steps) {
    return absl::InvalidArgumentError("warm-up and decay must fit into the steps");
  }
  for (const RunSettings& run : job.runs) {
    if (!(run.learning_rate > 0) || !std::isfinite(run.learning_rate) || !(run.weight_decay >= 0)) {
      return absl::InvalidArgumentError("learning rates must be positive and weight decay not negative");
    }
  }
  if (tokens.vocab > job.shape.vocab) {
    return absl::InvalidArgumentError(
        absl::StrCat("the tokens need a vocabulary of ", tokens.vocab, ", the model has ", job.shape.vocab));
  }
  if (tokens.TrainWindows(job.shape.sequence_length) < 1) {
    return absl::InvalidArgumentError("the training part is shorter than one window");
  }
  if (tokens.ValidationWindows(job.shape.sequence_length) < job.validation_windows ||
      job.validation_windows < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("validation_windows = ", job.validation_windows, ": the validation part holds ",
                     tokens.ValidationWindows(job.shape.sequence_length), " and at least one is needed"));
  }
  return absl::OkStatus();
}

absl::Status Validate(const FusedJob& job, const Snapshot& snapshot) {
  if (snapshot.runs.size() != job.runs.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the state is of ", snapshot.runs.size(), " runs, not of ", job.runs.size()));
  }
  if (snapshot.step < 0 || snapshot.step > job.schedule.steps) {
    return absl::InvalidArgumentError(absl::StrCat("the state is of step ", snapshot.step,
                                                   ", the schedule has ", job.schedule.steps, " steps"));
  }
  if (job.first_window + snapshot.step * job.batch_sequences < 0) {
    return absl::InvalidArgumentError("the first window lies before the start of the data");
  }
  const size_t size = ParameterLayout(job.shape).size;
  const auto steps = static_cast<size_t>(snapshot.step);
  for (const RunSnapshot& run : snapshot.runs) {
    if (run.weights.size() != size || run.first_moment.size() != size || run.second_moment.size() != size ||
        run.log.train_loss.size() != steps || run.log.gradient_norm.size() != steps) {
      return absl::InvalidArgumentError("the state is of another shape");
    }
  }
  return absl::OkStatus();
}

}  // namespace sextant::trainer
