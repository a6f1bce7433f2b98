// SPDX-License-Identifier: Apache-2.0
// Rotary positions, in place.
#include "clients/trainer/cuda/device_util.cuh"
#include "clients/trainer/cuda/kernels.h"

namespace sextant::trainer::cuda {
namespace {

// A thread rotates eight pairs: columns c .. c+7 of a head's lower half against c+32 .. c+39.
template <typename T>
__global__ void RotateKernel(const float2* table, size_t total, int d, int sequence_length, float sign,
                             T* qkv) {
  const size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x;
  if (i >= total) return;
  const int a_row = d / 8;  // 2 d columns of queries and keys, 16 a thread
  const size_t row = i / a_row;
  const int unit = static_cast<int>(i % a_row);
  const int pair = unit % 4 * 8;
  T* low = qkv + row * 3 * d + unit / 4 * 64 + pair;
  const float2* angle = table + row % sequence_length * 32 + pair;
  Vec8 a = Load8(low);
  Vec8 b = Load8(low + 32);
#pragma unroll
  for (int j = 0; j < 8; ++j) {
    const float2 cs = angle[j];
    const float s = sign * cs.y;
    const float rotated = a.at[j] * cs.x - b.at[j] * s;
    b.at[j] = b.at[j] * cs.x + a.at[j] * s;
    a.at[j] = rotated;
  }
  Store8(low, a);
  Store8(low + 32, b);
}

}  // namespace

template <typename T>
void Rotate(const float2* table, const Stack& stack, int d, int sequence_length, bool inverse, T* qkv,
            cudaStream_t stream) {
  const size_t total = static_cast<size_t>(stack.runs) * stack.rows_per_run * (d / 8);
  RotateKernel<T><<<static_cast<unsigned>((total + 255) / 256), 256, 0, stream>>>(
      table, total, d, sequence_length, inverse ? -1.0F : 1.0F, qkv);
}

template void Rotate(const float2*, const Stack&, int, int, bool, float*, cudaStream_t);
template void Rotate(const float2*, const Stack&, int, int, bool, bf16*, cudaStream_t);

}  // namespace sextant::trainer::cuda
