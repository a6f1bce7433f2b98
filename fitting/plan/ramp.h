// SPDX-License-Identifier: Apache-2.0
// A batch that grows with the critical batch along training.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fitting/law/law_spec.h"

namespace sextant::fitting {

struct RampRequest {
  double tokens = 0;                     ///< of the whole run
  double batch_size_tokens = 0;          ///< what the plan would train at throughout
  std::optional<double> learning_rate;   ///< at that batch
  std::optional<double> max_batch_size;  ///< the largest that devices allow
  std::function<double(double tokens)> loss;
  /// Tokens per step by the loss and the tokens so far.
  std::function<double(double loss, double tokens)> critical_batch;
  /// What the critical batch was measured on; unbounded where nobody says.
  Range losses, measured_tokens, batches;
};

struct RampStage {
  double from_tokens = 0, to_tokens = 0, batch_size_tokens = 0, steps = 0;
  std::optional<double> learning_rate;
  double loss = 0, critical_batch = 0;  ///< where it begins
};

struct BatchRamp {
  std::vector<RampStage> stages;
  double steps = 0;
  double steps_saved_share = 0;  ///< against the first stage's batch throughout
  std::vector<std::string> warnings;
};

/// Stages whose batch doubles whenever the critical batch has reached the next one; the rate goes with the
/// square root of the batch (Malladi et al. 2022; Merrill et al. 2025, 2505.23971). Batches grow only inside
/// what the critical batch was measured on: beyond it the last is held, with a warning. FailedPrecondition
/// when nothing of the run lies inside.
absl::StatusOr<BatchRamp> PlanRamp(const RampRequest& request);

}  // namespace sextant::fitting
