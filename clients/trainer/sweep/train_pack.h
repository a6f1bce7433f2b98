// SPDX-License-Identifier: Apache-2.0
// Trains one pack to the end and turns its logs into records.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <functional>
#include <vector>

#include "clients/trainer/engine/backend.h"
#include "clients/trainer/report/run_record.h"
#include "clients/trainer/sweep/pack.h"

namespace sextant::trainer {

// `progress` hears the share of the pack that is done, 0 to 1. Cancelled when *stop becomes true.
absl::StatusOr<std::vector<RunRecord>> TrainPack(const Sweep& sweep, const Pack& pack, Backend* backend,
                                                 double bytes_per_token, const std::atomic<bool>& stop,
                                                 const std::function<void(double)>& progress);

// Steps at which a curve of about `points` points is written: half of them spread evenly, half by powers, so
// that both the fast start and the end are seen. Ascending, ending in `steps`.
std::vector<int64_t> CurveSteps(int64_t steps, int points);

}  // namespace sextant::trainer
