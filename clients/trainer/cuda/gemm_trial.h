// SPDX-License-Identifier: Apache-2.0
// Picks the fastest of several ways to compute a product, by trying them.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>

#include "clients/trainer/cuda/cublaslt.h"

namespace sextant::trainer::cuda {

// Device memory to try products on, all of it overwritten.
struct GemmScratch {
  void* memory = nullptr;  // aligned to 256 bytes
  size_t bytes = 0;
  void* workspace = nullptr;  // apart from memory
  cudaStream_t stream = nullptr;
};

// The operands of one product, as bytes; outputs are `runs` parts of output_bytes, output_stride apart.
struct GemmOperands {
  size_t left_bytes = 0, right_bytes = 0;
  size_t output_bytes = 0, output_stride = 0;
  int runs = 1;
};

// Runs way `i` of the product on the given operands; false when it cannot.
using GemmAttempt = std::function<bool(int way, const void* left, const void* right, void* output)>;

// The fastest of `ways` ways, among those whose results on made-up bf16 operands equal those of way 0 to the
// bit: whichever wins a race that noise may decide, training gives the same numbers. 0 when the scratch is
// too small or way 0 fails.
int FastestEqualWay(const GemmScratch& scratch, const GemmOperands& operands, int ways,
                    const GemmAttempt& attempt);

}  // namespace sextant::trainer::cuda
