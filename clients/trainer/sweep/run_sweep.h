// SPDX-License-Identifier: Apache-2.0
// Trains a whole sweep on every GPU there is.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "clients/trainer/sweep/pack.h"
#include "clients/trainer/sweep/spec.h"

namespace sextant::trainer {

struct SweepOptions {
  std::string out = "-";  // JSONL file, or - for stdout
  bool cpu = false;       // the reference instead of GPUs
  int64_t max_fused_tokens = 1 << 18;
  int max_fused_runs = 64;
  int concurrent_packs = 2;  // trained at a time on each GPU: one's small kernels fill the other's gaps
  std::string checkpoints;   // folder for the state of trunks; OUT.trunks when empty
  int shard = 0;             // this process trains packs shard, shard + shards, ... of the plan, and branches
                             // where their trunks are
  int shards = 1;
};

// Everything that can be refused is refused before training: the file, the tokens, missing GPUs, runs that do
// not fit into memory. Runs that `out` already holds are skipped. Records of a pack are written when it ends;
// the state of trunks is kept wherever a branch leaves, and stays for later sweeps. Cancelled when *stop is
// set.
absl::Status RunSweep(Sweep sweep, const SweepOptions& options, const std::atomic<bool>& stop);

}  // namespace sextant::trainer
