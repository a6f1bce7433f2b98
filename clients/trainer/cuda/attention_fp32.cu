// SPDX-License-Identifier: Apache-2.0
// Causal attention in fp32 for verification: a warp a row, nothing clever.
#include <cmath>

#include "clients/trainer/cuda/device_util.cuh"
#include "clients/trainer/cuda/kernels.h"

namespace sextant::trainer::cuda {
namespace {

constexpr float kScaleLog2 = 0.125F * 1.44269504088896F;

__device__ float Dot64(const float* a, const float* b) {
  float sum = 0;
  for (int i = 0; i < 64; ++i) sum += a[i] * b[i];
  return sum;
}

// A block is a warp; blockIdx.x = window x heads + head, blockIdx.y = row.
struct Place {
  __device__ Place(int heads, int length)
      : d(heads * 64),
        stride(3 * static_cast<size_t>(heads) * 64),
        head(blockIdx.x % heads * 64),
        first(blockIdx.x / heads * static_cast<size_t>(length)) {}
  int d;
  size_t stride;
  int head;
  size_t first;  // row of the window's first position
};

__global__ void ForwardKernel(const float* qkv, int heads, int length, float* out, float* log_sum) {
  extern __shared__ float p[];
  const Place at(heads, length);
  const int row = blockIdx.y;
  const float* q = qkv + (at.first + row) * at.stride + at.head;
  float largest = -INFINITY;
  for (int j = threadIdx.x; j <= row; j += 32) {
    p[j] = Dot64(q, qkv + (at.first + j) * at.stride + at.d + at.head) * kScaleLog2;
    largest = fmaxf(largest, p[j]);
  }
  for (int offset = 16; offset > 0; offset /= 2)
    largest = fmaxf(largest, __shfl_xor_sync(~0U, largest, offset));
  float sum = 0;
  for (int j = threadIdx.x; j <= row; j += 32) sum += p[j] = exp2f(p[j] - largest);
  sum = GroupSum<32>(sum);
  __syncwarp();
  for (int c = threadIdx.x; c < 64; c += 32) {
    float value = 0;
    for (int j = 0; j <= row; ++j) value += p[j] * qkv[(at.first + j) * at.stride + 2 * at.d + at.head + c];
    out[(at.first + row) * at.d + at.head + c] = value / sum;
  }
  if (threadIdx.x == 0) log_sum[static_cast<size_t>(blockIdx.x) * length + row] = largest + log2f(sum);
}

__global__ void QueryGradientKernel(const float* dout, const float* out, const float* qkv,
                                    const float* log_sum, int heads, int length, float* delta, float* dqkv) {
  extern __shared__ float ds[];
  const Place at(heads, length);
  const int row = blockIdx.y;
  const float* q = qkv + (at.first + row) * at.stride + at.head;
  const float* dy = dout + (at.first + row) * at.d + at.head;
  const float own = Dot64(dy, out + (at.first + row) * at.d + at.head);
  const float log_row = log_sum[static_cast<size_t>(blockIdx.x) * length + row];
  for (int j = threadIdx.x; j <= row; j += 32) {
    const float* k = qkv + (at.first + j) * at.stride + at.d + at.head;
    ds[j] = 0.125F * exp2f(Dot64(q, k) * kScaleLog2 - log_row) * (Dot64(dy, k + at.d) - own);
  }
  __syncwarp();
  for (int c = threadIdx.x; c < 64; c += 32) {
    float value = 0;
    for (int j = 0; j <= row; ++j) value += ds[j] * qkv[(at.first + j) * at.stride + at.d + at.head + c];
    dqkv[(at.first + row) * at.stride + at.head + c] = value;
  }
  if (threadIdx.x == 0) delta[static_cast<size_t>(blockIdx.x) * length + row] = own;
}

__global__ void KeyGradientKernel(const float* dout, const float* qkv, const float* log_sum,
                                  const float* delta, int heads, int length, float* dqkv) {
  extern __shared__ float scratch[];
  float* p = scratch;
  float* ds = scratch + length;
  const Place at(heads, length);
  const int key = blockIdx.y;
  const float* k = qkv + (at.first + key) * at.stride + at.d + at.head;
  const size_t rows = static_cast<size_t>(blockIdx.x) * length;
  for (int i = key + static_cast<int>(threadIdx.x); i < length; i += 32) {
    const float* q = qkv + (at.first + i) * at.stride + at.head;
    p[i] = exp2f(Dot64(q, k) * kScaleLog2 - log_sum[rows + i]);
    ds[i] = 0.125F * p[i] * (Dot64(dout + (at.first + i) * at.d + at.head, k + at.d) - delta[rows + i]);
  }
  __syncwarp();
  for (int c = threadIdx.x; c < 64; c += 32) {
    float dk = 0;
    float dv = 0;
    for (int i = key; i < length; ++i) {
      dk += ds[i] * qkv[(at.first + i) * at.stride + at.head + c];
      dv += p[i] * dout[(at.first + i) * at.d + at.head + c];
    }
    dqkv[(at.first + key) * at.stride + at.d + at.head + c] = dk;
    dqkv[(at.first + key) * at.stride + 2 * at.d + at.head + c] = dv;
  }
}

dim3 Grid(const Stack& stack, int heads, int length) {
  return {static_cast<unsigned>(static_cast<size_t>(stack.runs) * stack.rows_per_run / length * heads),
          static_cast<unsigned>(length)};
}

}  // namespace

template <>
void Attention(const float* qkv, const Stack& stack, int d, int length, float* out, float* log_sum,
               cudaStream_t stream) {
  ForwardKernel<<<Grid(stack, d / 64, length), 32, length * sizeof(float), stream>>>(qkv, d / 64, length, out,
                                                                                     log_sum);
}

template <>
void AttentionBackward(const float* dout, const float* out, const float* qkv, const float* log_sum,
                       const float2* table, const Stack& stack, int d, int length, float* delta, float* dqkv,
                       cudaStream_t stream) {
  const dim3 grid = Grid(stack, d / 64, length);
  QueryGradientKernel<<<grid, 32, length * sizeof(float), stream>>>(dout, out, qkv, log_sum, d / 64, length,
                                                                    delta, dqkv);
  KeyGradientKernel<<<grid, 32, 2 * length * sizeof(float), stream>>>(dout, qkv, log_sum, delta, d / 64,
                                                                      length, dqkv);
  Rotate(table, stack, d, length, true, dqkv, stream);
}

}  // namespace sextant::trainer::cuda
