// SPDX-License-Identifier: Apache-2.0
// The model's operations in fp32 and plain C++: the ground truth that the CUDA kernels are tested against.
// Matrices are row-major. Gradients named d... with += semantics say so; all others are overwritten.
#pragma once

#include <cstdint>

namespace sextant::trainer::reference {

// y[m, n] = x[m, k] w[n, k]^T, added to y when `accumulate`.
void MultiplyByTranspose(const float* x, const float* w, int m, int n, int k, bool accumulate, float* y);
// dx[m, k] = dy[m, n] w[n, k]
void MultiplyBackwardInput(const float* dy, const float* w, int m, int n, int k, float* dx);
// dw[n, k] += dy[m, n]^T x[m, k]
void MultiplyBackwardWeight(const float* dy, const float* x, int m, int n, int k, float* dw);

// y = x * gain / rms(x), rows of d; inverse_rms[m] is kept for the backward pass (Zhang and Sennrich 2019).
void RmsNorm(const float* x, const float* gain, int m, int d, float* y, float* inverse_rms);
// dx += , dgain +=
void RmsNormBackward(const float* dy, const float* x, const float* gain, const float* inverse_rms, int m,
                     int d, float* dx, float* dgain);

// Rotates the query and key parts of qkv[m, 3 d] by their positions (Su et al. 2021), element i of a head's
// lower half against element i of its upper half. `inverse` rotates back, which is also the gradient.
void Rotate(float* qkv, int m, int d, int sequence_length, bool inverse);

// Causal softmax attention over windows of qkv[m, 3 d] with scale 1/8; out[m, d]. probabilities, [m, heads,
// sequence_length], is kept for the backward pass.
void Attention(const float* qkv, int m, int d, int sequence_length, float* out, float* probabilities);
void AttentionBackward(const float* dout, const float* qkv, const float* probabilities, int m, int d,
                       int sequence_length, float* dqkv);

// y[m, f] = silu(gate) * up of gate_up[m, 2 f] (Shazeer 2020).
void SwiGlu(const float* gate_up, int m, int f, float* y);
void SwiGluBackward(const float* dy, const float* gate_up, int m, int f, float* dgate_up);

// loss[m] in nats; logits become the gradient of sum(weight[m] * loss[m]).
void CrossEntropy(const uint16_t* targets, const float* weight, int m, int vocab, float* logits, float* loss);

}  // namespace sextant::trainer::reference
