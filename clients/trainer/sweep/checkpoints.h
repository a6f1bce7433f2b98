// SPDX-License-Identifier: Apache-2.0
// State of trunks on disk: what branches leave from, and what a killed sweep goes on from.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "clients/trainer/sweep/pack.h"

namespace sextant::trainer {

// What was measured on the way, by step: a value for each run.
using Measured = std::map<int64_t, std::vector<double>>;

struct Checkpoint {
  Snapshot snapshot;
  Measured validation, noise;  // of the steps done
};

// All that the bits of a pack's trunks depend on, and nothing of how long they are: shape, batch, warm-up,
// optimizer, settings in order, tokens and device. Runs of another text never share state.
std::string TrunkIdentity(const Sweep& sweep, const Pack& trunks, const TokenSet& tokens,
                          const std::string& device);

// A folder of files, one for a pack of trunks and step. Files appear whole or not at all. Thread-safe for
// different files.
class Checkpoints {
 public:
  // Makes the folder when it is missing. Unavailable, naming it, when it cannot be written to.
  static absl::StatusOr<Checkpoints> Open(const std::string& folder);

  bool Holds(const std::string& identity, int64_t step) const;
  absl::Status Write(const std::string& identity, const Checkpoint& checkpoint) const;
  // NotFound; DataLoss, naming the file, when it is damaged or of another identity.
  absl::StatusOr<Checkpoint> Read(const std::string& identity, int64_t step) const;
  const std::string& folder() const { return folder_; }

 private:
  explicit Checkpoints(std::string folder) : folder_(std::move(folder)) {}
  std::string Path(const std::string& identity, int64_t step) const;
  std::string folder_;
};

}  // namespace sextant::trainer
