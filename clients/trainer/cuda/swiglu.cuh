// SPDX-License-Identifier: Apache-2.0
// The gradient of SwiGLU, alone and inside a product.
#pragma once

namespace sextant::trainer::cuda {

// Gradients of gate and up.
__device__ inline float2 SwiGluGradient(float dy, float gate, float up) {
  const float sigmoid = 1 / (1 + __expf(-gate));
  const float silu = gate * sigmoid;
  return {dy * up * (sigmoid + silu * (1 - sigmoid)), dy * silu};
}

}  // namespace sextant::trainer::cuda
