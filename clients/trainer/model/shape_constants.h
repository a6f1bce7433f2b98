// SPDX-License-Identifier: Apache-2.0
// Constants of the model that kernels need without the rest of shape.h.
#pragma once

namespace sextant::trainer {

inline constexpr int kHeadDim = 64;
inline constexpr float kNormEpsilon = 1e-6F;
inline constexpr float kRotaryBase = 10000.0F;

}  // namespace sextant::trainer
