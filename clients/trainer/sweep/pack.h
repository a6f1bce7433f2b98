// SPDX-License-Identifier: Apache-2.0
// Which runs train together.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "clients/trainer/sweep/spec.h"

namespace sextant::trainer {

inline constexpr int kNoTrunk = -1;

// Runs that differ only in learning rate, weight decay or seeds. All are trunks, all are branches of the
// trunks of one pack that leave them at the same step, or all are on their own.
struct Pack {
  std::vector<RunSpec> runs;
  int trunk = kNoTrunk;           // of branches: index of their trunks' pack in the plan
  std::vector<size_t> places;     // of branches: where in that pack each run's trunk is
  std::vector<int64_t> keep;      // of trunks: steps whose state is kept, ascending; the last is the end
  std::vector<int64_t> validate;  // of trunks: further steps to validate at, those of the branches' curves

  double flops() const;  // of its own, without the trunk's
  bool is_trunk() const { return !keep.empty(); }
};

// Groups runs that share shape, batch and schedule, in packs of at most max_fused_tokens a step and
// max_fused_runs, and no larger than `fits` allows (a pack of one is always made, so that the caller can
// refuse it). Trunks come first, as branches wait for them; then the longest, so that GPUs finish together.
// As many branches train together as their trunks did, so that they go on with the same bits. Deterministic.
std::vector<Pack> MakePacks(const Sweep& sweep, int64_t max_fused_tokens, int max_fused_runs,
                            const std::function<bool(const FusedJob&)>& fits);

// The job that trains a pack.
FusedJob MakeJob(const Sweep& sweep, const Pack& pack);

// Step numbers at `points` even fractions of a run.
std::vector<int64_t> EvenSteps(int64_t steps, int points);

}  // namespace sextant::trainer
