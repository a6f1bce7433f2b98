// SPDX-License-Identifier: Apache-2.0
// Trains one pack to the end and turns its logs into records.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "clients/trainer/engine/backend.h"
#include "clients/trainer/report/run_record.h"
#include "clients/trainer/sweep/checkpoints.h"
#include "clients/trainer/sweep/pack.h"

namespace sextant::trainer {

// What a pack is trained with. References and pointers outlive the training.
struct Training {
  const Sweep& sweep;
  Backend* backend;
  double bytes_per_token;
  const std::atomic<bool>& stop;
  // Trunks and branches only.
  const Checkpoints* checkpoints = nullptr;
  std::string identity = {};  // of the trunks' pack
  // Hears the share of the pack that is done, 0 to 1.
  std::function<void(double)> progress = [](double) {};
  // Hears of each step of a trunk's pack whose state has been kept.
  std::function<void(int64_t)> kept = [](int64_t) {};
};

// Trunks go on from the last state that is kept, branches from that of their trunks at the step they leave.
// Cancelled when `stop` becomes true.
absl::StatusOr<std::vector<RunRecord>> TrainPack(const Training& training, const Pack& pack);

// Steps at which a curve of about `points` points is written: half of them spread evenly, half by powers, so
// that both the fast start and the end are seen. Ascending, ending in `steps`.
std::vector<int64_t> CurveSteps(int64_t steps, int points);

}  // namespace sextant::trainer
