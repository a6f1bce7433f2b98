// SPDX-License-Identifier: Apache-2.0
// Batches and the embedding.
#include "clients/trainer/cuda/device_util.cuh"
#include "clients/trainer/cuda/kernels.h"
#include "clients/trainer/tokens/order.h"

namespace sextant::trainer::cuda {
namespace {

__global__ void LoadBatchKernel(BatchSource source, bool validation, const RunConstants* constants,
                                const RunState* state, uint16_t* inputs, uint16_t* targets) {
  const int sequence = blockIdx.x;
  const int run = blockIdx.y;
  int64_t start;
  if (validation) {
    const int64_t window = state[run].validation_batch * source.batch_sequences + sequence;
    const int64_t last = source.validation_windows - 1;
    start = source.validation_start + (window < last ? window : last) * source.sequence_length;
  } else {
    const int64_t position = source.first_window + state[run].step * source.batch_sequences + sequence;
    start = WindowAt(constants[run].data_seed, source.train_windows, position) * source.sequence_length;
  }
  const size_t row = (static_cast<size_t>(run) * source.batch_sequences + sequence) * source.sequence_length;
  for (int i = threadIdx.x; i < source.sequence_length; i += blockDim.x) {
    inputs[row + i] = source.tokens[start + i];
    targets[row + i] = source.tokens[start + i + 1];
  }
}

template <typename T>
__global__ void EmbedKernel(const T* embedding, const uint16_t* inputs, Stack stack, int d, T* x) {
  const int chunks = d / 8;
  const size_t total = static_cast<size_t>(stack.runs) * stack.rows_per_run * chunks;
  for (size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x; i < total;
       i += static_cast<size_t>(gridDim.x) * blockDim.x) {
    const size_t row = i / chunks;
    const int column = static_cast<int>(i % chunks) * 8;
    const T* table = embedding + row / stack.rows_per_run * stack.parameter_stride;
    Store8(x + row * d + column, Load8(table + static_cast<size_t>(inputs[row]) * d + column));
  }
}

constexpr int kTokensATile = 32;

// One block adds the rows of its split for 64 vocabulary entries and 64 columns. The one-hot operand is made
// in registers from the token ids.
template <typename T>
__global__ void EmbedBackwardKernel(const T* dx, const uint16_t* inputs, Stack stack, int vocab, int d,
                                    float* partial) {
  const int columns = d / 64;
  const int column = static_cast<int>(blockIdx.x % columns) * 64;
  const int first_entry = static_cast<int>(blockIdx.x / columns) * 64;
  const int splits = gridDim.y;
  const int run = blockIdx.z;
  const int share = (stack.rows_per_run + splits - 1) / splits;
  const int begin = blockIdx.y * share;
  const int end = min(begin + share, stack.rows_per_run);
  const size_t base = static_cast<size_t>(run) * stack.rows_per_run;
  const int warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  const int entry = first_entry + warp * 16 + lane / 4;

  __shared__ __align__(128) bf16 tile[kTokensATile * 64];
  __shared__ int ids[kTokensATile];
  float sums[8][4] = {};
  for (int row = begin; row < end; row += kTokensATile) {
    __syncthreads();
    for (int i = threadIdx.x; i < kTokensATile * 8; i += blockDim.x) {
      const int r = i / 8;
      const bool valid = row + r < end;
      CopyAsync16(SharedAddress(tile) + TileOffset(r, i % 8),
                  dx + (base + (valid ? row + r : begin)) * d + column + i % 8 * 8, valid);
    }
    CommitCopies();
    if (threadIdx.x < kTokensATile) {
      ids[threadIdx.x] = row + static_cast<int>(threadIdx.x) < end ? inputs[base + row + threadIdx.x] : -1;
    }
    WaitCopies<0>();
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kTokensATile; k += 16) {
      const int t = k + lane % 4 * 2;
      constexpr uint32_t kOneLow = 0x3f80U;
      constexpr uint32_t kOneHigh = 0x3f800000U;
      uint32_t a[4];
#pragma unroll
      for (int part = 0; part < 4; ++part) {
        const int at = t + part / 2 * 8;
        const int wanted = entry + part % 2 * 8;
        a[part] = (ids[at] == wanted ? kOneLow : 0U) | (ids[at + 1] == wanted ? kOneHigh : 0U);
      }
#pragma unroll
      for (int n = 0; n < 4; ++n) {
        uint32_t b[4];
        LoadMatricesTransposed(b, SharedAddress(tile) + TileOffset(k + lane % 16, 2 * n + lane / 16));
        MultiplyAdd(sums[2 * n], a, b[0], b[1]);
        MultiplyAdd(sums[2 * n + 1], a, b[2], b[3]);
      }
    }
  }
  float* out = partial + (static_cast<size_t>(run) * splits + blockIdx.y) * vocab * d;
#pragma unroll
  for (int n = 0; n < 8; ++n) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (entry + 8 * half < vocab) {
        *reinterpret_cast<float2*>(out + static_cast<size_t>(entry + 8 * half) * d + column + 8 * n +
                                   lane % 4 * 2) = make_float2(sums[n][2 * half], sums[n][2 * half + 1]);
      }
    }
  }
}

// fp32 verification path: a thread an entry and column, rows in order.
template <>
__global__ void EmbedBackwardKernel<float>(const float* dx, const uint16_t* inputs, Stack stack, int vocab,
                                           int d, float* partial) {
  const int columns = d / 64;
  const int column = static_cast<int>(blockIdx.x % columns) * 64 + threadIdx.x % 64;
  const int splits = gridDim.y;
  const int run = blockIdx.z;
  const int share = (stack.rows_per_run + splits - 1) / splits;
  const int begin = blockIdx.y * share;
  const int end = min(begin + share, stack.rows_per_run);
  const size_t base = static_cast<size_t>(run) * stack.rows_per_run;
  float* out = partial + (static_cast<size_t>(run) * splits + blockIdx.y) * vocab * d;
  for (int e = threadIdx.x / 64; e < 64; e += blockDim.x / 64) {
    const int entry = static_cast<int>(blockIdx.x / columns) * 64 + e;
    if (entry >= vocab) return;
    float sum = 0;
    for (int row = begin; row < end; ++row) {
      if (inputs[base + row] == entry) sum += dx[(base + row) * d + column];
    }
    out[static_cast<size_t>(entry) * d + column] = sum;
  }
}

__global__ void AddPartsKernel(const float* partial, int splits, size_t count, size_t stride, float* out) {
  const size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x;
  if (i >= count) return;
  const float* from = partial + static_cast<size_t>(blockIdx.y) * splits * count + i;
  float sum = 0;
  for (int split = 0; split < splits; ++split) sum += from[split * count];
  out[blockIdx.y * stride + i] = sum;
}

}  // namespace

void LoadBatch(const BatchSource& source, bool validation, const Stack& stack, const RunConstants* constants,
               const RunState* state, uint16_t* inputs, uint16_t* targets, cudaStream_t stream) {
  const dim3 grid(source.batch_sequences, stack.runs);
  LoadBatchKernel<<<grid, 128, 0, stream>>>(source, validation, constants, state, inputs, targets);
}

template <typename T>
void Embed(const T* embedding, const uint16_t* inputs, const Stack& stack, int d, T* x, cudaStream_t stream) {
  const size_t total = static_cast<size_t>(stack.runs) * stack.rows_per_run * (d / 8);
  EmbedKernel<T>
      <<<static_cast<unsigned>((total + 255) / 256), 256, 0, stream>>>(embedding, inputs, stack, d, x);
}

template <typename T>
void EmbedBackward(const T* dx, const uint16_t* inputs, const Stack& stack, int vocab, int d, int splits,
                   float* partial, float* dembedding, cudaStream_t stream) {
  const dim3 grid((vocab + 63) / 64 * (d / 64), splits, stack.runs);
  EmbedBackwardKernel<T><<<grid, 128, 0, stream>>>(dx, inputs, stack, vocab, d, partial);
  const size_t count = static_cast<size_t>(vocab) * d;
  AddPartsKernel<<<dim3(static_cast<unsigned>((count + 255) / 256), stack.runs), 256, 0, stream>>>(
      partial, splits, count, stack.parameter_stride, dembedding);
}

template void Embed(const float*, const uint16_t*, const Stack&, int, float*, cudaStream_t);
template void Embed(const bf16*, const uint16_t*, const Stack&, int, bf16*, cudaStream_t);
template void EmbedBackward(const float*, const uint16_t*, const Stack&, int, int, int, float*, float*,
                            cudaStream_t);
template void EmbedBackward(const bf16*, const uint16_t*, const Stack&, int, int, int, float*, float*,
                            cudaStream_t);

}  // namespace sextant::trainer::cuda
