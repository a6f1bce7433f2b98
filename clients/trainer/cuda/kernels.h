// SPDX-License-Identifier: Apache-2.0
// Launchers of the trainer's own kernels. Each queues work on `stream` and returns; launch errors are left
// for cudaGetLastError. All pointers are device memory. T is float (verification) or __nv_bfloat16.
//
// K runs are stacked: activations are [K x rows_per_run, width], row-major, run after run; per-run parameters
// lie `parameter_stride` elements apart. rows_per_run = sequences x sequence_length.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "clients/trainer/model/schedule.h"

namespace sextant::trainer::cuda {

// How K stacked runs share a launch.
struct Stack {
  int runs = 1;
  int rows_per_run = 0;
  size_t parameter_stride = 0;
};

// State of one run that kernels of successive steps hand on.
struct RunState {
  long long step;      // optimizer steps done
  int diverged;        // set for good by the first non-finite loss or gradient norm
  float clip;          // gradient multiplier of this step
  float rate;          // learning rate of this step
  float bias1, bias2;  // 1 / (1 - beta^t)
  double validation_sum;
  long long validation_batch;
};

// Constants of one run.
struct RunConstants {
  uint64_t seed, data_seed;
  float learning_rate, weight_decay;
};

// --- batch.cu ---
struct BatchSource {
  const uint16_t* tokens;  // the whole token set
  int64_t train_windows;
  int64_t validation_start;    // index of the first held-out token
  int64_t validation_windows;  // scored
  int sequence_length;
  int batch_sequences;
  int64_t first_window;  // position of step 0 in the order of training windows
};
// Fills inputs and targets with the windows of each run's current step, or of its current validation batch.
void LoadBatch(const BatchSource& source, bool validation, const Stack& stack, const RunConstants* constants,
               const RunState* state, uint16_t* inputs, uint16_t* targets, cudaStream_t stream);
// x[row] = embedding[inputs[row]] of the row's run.
template <typename T>
void Embed(const T* embedding, const uint16_t* inputs, const Stack& stack, int d, T* x, cudaStream_t stream);
// dembedding[vocab, d] = sum of dx over the rows that read each entry, in a fixed order: a product with the
// one-hot matrix of the inputs, in `splits` parts that land in partial[runs, splits, vocab, d] and are then
// added.
template <typename T>
void EmbedBackward(const T* dx, const uint16_t* inputs, const Stack& stack, int vocab, int d, int splits,
                   float* partial, float* dembedding, cudaStream_t stream);

// --- norm.cu ---
template <typename T>
void RmsNorm(const T* x, const T* gain, const Stack& stack, int d, T* y, float* inverse_rms,
             cudaStream_t stream);
// dx_out = dx_in + gradient through the norm (dx_in may be null). dgain_partial[runs, NormPartials(), d] gets
// the gain's gradient in parts; ReduceGains adds them.
int NormPartials(const Stack& stack, int d);
template <typename T>
void RmsNormBackward(const T* dy, const T* x, const T* gain, const float* inverse_rms, const T* dx_in,
                     const Stack& stack, int d, T* dx_out, float* dgain_partial, cudaStream_t stream);
// gradient[run][offsets[i] + c] = sum over parts of partial[i][run][part][c], for `count` gains.
void ReduceGains(const float* partial, const size_t* offsets, int count, int parts, const Stack& stack, int d,
                 float* gradient, cudaStream_t stream);

// --- rotary.cu ---
// table[sequence_length, 32] holds (cos, sin). Rotates query and key parts of qkv[rows, 3 d] in place.
template <typename T>
void Rotate(const float2* table, const Stack& stack, int d, int sequence_length, bool inverse, T* qkv,
            cudaStream_t stream);

// --- attention.cu ---
// Causal attention over windows of rotated qkv[rows, 3 d]; out[rows, d]; log_sum[rows / T, heads, T] in
// base 2.
template <typename T>
void Attention(const T* qkv, const Stack& stack, int d, int sequence_length, T* out, float* log_sum,
               cudaStream_t stream);
// dqkv is the gradient before rotation (rotated back with `table`). delta[rows / T, heads, T] is scratch.
template <typename T>
void AttentionBackward(const T* dout, const T* out, const T* qkv, const float* log_sum, const float2* table,
                       const Stack& stack, int d, int sequence_length, float* delta, T* dqkv,
                       cudaStream_t stream);

// --- swiglu.cu ---
template <typename T>
void SwiGlu(const T* gate_up, const Stack& stack, int f, T* product, cudaStream_t stream);
// gate_up is replaced by its gradient.
template <typename T>
void SwiGluBackward(const T* dproduct, const Stack& stack, int f, T* gate_up, cudaStream_t stream);

// --- swiglu_products.cu ---
// The two below are for this d alone. They are faster than cuBLASLt's products with SwiGLU between them where
// gate_up is larger than kSwiGluCachedBytes, so that the cache does not hold it from one to the next
// (measured on an H100: at d = 64 as fast, at 256 slower).
inline constexpr int kSwiGluProductsWidth = 128;
inline constexpr size_t kSwiGluCachedBytes = size_t{32} << 20;
// gate_up[rows, 2 f] = x[rows, d] weights[2 f, d]^T of each run, and its SwiGLU product[rows, f].
void GateUpSwiGlu(const __nv_bfloat16* x, const __nv_bfloat16* weights, const Stack& stack, int f,
                  __nv_bfloat16* gate_up, __nv_bfloat16* product, cudaStream_t stream);
// gate_up is replaced by its gradient, given dx[rows, d] behind weights[d, f] of each run.
void DownSwiGluBackward(const __nv_bfloat16* dx, const __nv_bfloat16* weights, const Stack& stack, int f,
                        __nv_bfloat16* gate_up, cudaStream_t stream);

// --- cross_entropy.cu ---
// loss[row] in nats. With `gradient`, logits[rows, vocab] become the gradient of the mean loss over each
// run's rows first_row .. last_row-1; other rows get zero.
template <typename T>
void CrossEntropy(const uint16_t* targets, const Stack& stack, int vocab, bool gradient, int first_row,
                  int last_row, T* logits, float* loss, cudaStream_t stream);
// Adds the batch's losses of windows that are scored to each run's validation_sum and counts the batch.
void AddValidationLoss(const BatchSource& source, const Stack& stack, const float* loss, RunState* state,
                       cudaStream_t stream);

// --- compare.cu ---
// Sets *different when the first `bytes` of any of `runs` parts, stride_bytes apart, differ in a bit. Sizes
// are multiples of 16.
void CompareBits(const void* a, const void* b, size_t bytes, size_t stride_bytes, int runs,
                 unsigned* different, cudaStream_t stream);

// --- optimizer.cu ---
struct OptimizerConstants {
  Schedule schedule;
  float beta1, beta2, epsilon, clip_norm;
};
inline constexpr int kReduceBlocks = 128;
// Squared gradient norm and mean loss of each run, in a fixed order; then its clip, rate and log entries
// train_loss[run, schedule.steps] and gradient_norm[run, schedule.steps]. partial[runs, kReduceBlocks] and
// arrivals[runs], zero at first, are scratch. With squared_norm non-null only that is written, [runs].
void FinishGradient(const OptimizerConstants& constants, const RunConstants* runs, const Stack& stack,
                    const float* gradient, const float* loss, double2* partial, unsigned* arrivals,
                    RunState* state, float* train_loss, float* gradient_norm, double* squared_norm,
                    cudaStream_t stream);
// AdamW on every run that has not diverged; low receives the rounded weights. decays[i] says whether the i-th
// group of 8 parameters is decayed.
template <typename T>
void AdamW(const OptimizerConstants& constants, const RunConstants* runs, const RunState* state,
           const Stack& stack, const uint8_t* decays, const float* gradient, float* weights,
           float* first_moment, float* second_moment, T* low, cudaStream_t stream);
// weights of one tensor = 1 when spread is 0, else spread x normal deviates of each run's seed; low =
// rounded.
template <typename T>
void Initialize(const RunConstants* runs, const Stack& stack, size_t offset, size_t count, float spread,
                float* weights, T* low, cudaStream_t stream);
// low = rounded weights of `count` elements.
template <typename T>
void Round(const float* weights, size_t count, T* low, cudaStream_t stream);

}  // namespace sextant::trainer::cuda
