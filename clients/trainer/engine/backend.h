// SPDX-License-Identifier: Apache-2.0
// Where engines come from: the CPU reference, or one GPU.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clients/trainer/engine/engine.h"

namespace sextant::trainer {

// Makes engines over one token set. One a thread.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual absl::StatusOr<std::unique_ptr<Engine>> NewEngine(const FusedJob& job) = 0;
  // Memory the job takes, and what is free; both 0 where memory is not the limit.
  virtual size_t JobBytes(const FusedJob& job) const = 0;
  virtual size_t FreeBytes() const = 0;
  virtual std::string name() const = 0;
  // Milliseconds of each kind of operation of a step.
  virtual absl::StatusOr<std::vector<std::pair<std::string, double>>> Profile(const FusedJob& job) = 0;
};

std::unique_ptr<Backend> OpenCpuBackend(const TokenSet& tokens);

// GPUs that can be used. NotFound, in one line, when there is none or the program was built without CUDA.
absl::StatusOr<int> CountGpus();
absl::StatusOr<std::unique_ptr<Backend>> OpenGpuBackend(int index, const TokenSet& tokens);

}  // namespace sextant::trainer
