// SPDX-License-Identifier: Apache-2.0
// GPUs as the trainer sees them.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clients/trainer/engine/engine.h"

namespace sextant::trainer::cuda {

// Number of visible GPUs of compute capability 9.0 (the kernels are built for Hopper). NotFound says in one
// line why there is none.
absl::StatusOr<int> CountDevices();

enum class Precision { kBf16, kFp32 };  // fp32 is for verification: slow kernels, no tensor cores

// Device memory a job takes, weights to activations, without the tokens.
size_t DeviceBytes(const FusedJob& job, Precision precision);

// One GPU with a token set on it. Engines borrow from it and must go first. Not thread-safe; one a thread.
class Device {
 public:
  // Opens GPU `index` and copies the tokens to it. `tokens` must outlive the device.
  static absl::StatusOr<std::unique_ptr<Device>> Open(int index, const TokenSet& tokens);
  ~Device();

  // ResourceExhausted, naming need and supply, when the job does not fit.
  absl::StatusOr<std::unique_ptr<Engine>> NewEngine(const FusedJob& job, Precision precision);
  // Milliseconds of each kind of operation of one training step, each timed alone in a graph of repeats.
  absl::StatusOr<std::vector<std::pair<std::string, double>>> Profile(const FusedJob& job);

  size_t FreeBytes() const;
  const std::string& name() const { return name_; }

  struct Impl;

 private:
  Device() = default;
  std::unique_ptr<Impl> impl_;
  std::string name_;
};

}  // namespace sextant::trainer::cuda
