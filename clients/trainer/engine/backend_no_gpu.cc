// SPDX-License-Identifier: Apache-2.0
// Linked instead of backend_gpu.cc where nvcc was missing.
#include "clients/trainer/engine/backend.h"

namespace sextant::trainer {

absl::StatusOr<int> CountGpus() { return absl::NotFoundError("this sextant-train was built without CUDA"); }

absl::StatusOr<std::unique_ptr<Backend>> OpenGpuBackend(int, const TokenSet&) { return CountGpus().status(); }

}  // namespace sextant::trainer
