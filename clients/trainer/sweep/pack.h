// SPDX-License-Identifier: Apache-2.0
// Which runs train together.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "clients/trainer/sweep/spec.h"

namespace sextant::trainer {

// Runs that differ only in learning rate, weight decay or seeds.
struct Pack {
  std::vector<RunSpec> runs;
  double flops() const;
};

// Groups runs that share shape, batch and schedule, in packs of at most max_fused_tokens a step and
// max_fused_runs, and no larger than `fits` allows (a pack of one is always made, so that the caller can
// refuse it). The longest come first, so that GPUs finish together. Deterministic.
std::vector<Pack> MakePacks(const Sweep& sweep, int64_t max_fused_tokens, int max_fused_runs,
                            const std::function<bool(const FusedJob&)>& fits);

// The job that trains a pack.
FusedJob MakeJob(const Sweep& sweep, const Pack& pack);

}  // namespace sextant::trainer
