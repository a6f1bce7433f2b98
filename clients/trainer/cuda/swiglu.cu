// SPDX-License-Identifier: Apache-2.0
// SwiGLU and its gradient, eight columns a thread.
#include "clients/trainer/cuda/device_util.cuh"
#include "clients/trainer/cuda/kernels.h"
#include "clients/trainer/cuda/swiglu.cuh"

namespace sextant::trainer::cuda {
namespace {

template <typename T>
__global__ void SwiGluKernel(const T* gate_up, size_t total, int f, T* product) {
  const size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x;
  if (i >= total) return;
  const size_t row = i / (f / 8);
  const int column = static_cast<int>(i % (f / 8)) * 8;
  Vec8 gate = Load8(gate_up + row * 2 * f + column);
  const Vec8 up = Load8(gate_up + row * 2 * f + f + column);
#pragma unroll
  for (int j = 0; j < 8; ++j) gate.at[j] *= up.at[j] / (1 + __expf(-gate.at[j]));
  Store8(product + row * f + column, gate);
}

template <typename T>
__global__ void SwiGluBackwardKernel(const T* dproduct, size_t total, int f, T* gate_up) {
  const size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x;
  if (i >= total) return;
  const size_t row = i / (f / 8);
  const size_t at = row * 2 * f + i % (f / 8) * 8;
  const Vec8 dy = Load8(dproduct + i * 8);
  Vec8 gate = Load8(gate_up + at);
  Vec8 up = Load8(gate_up + at + f);
#pragma unroll
  for (int j = 0; j < 8; ++j) {
    const float2 gradient = SwiGluGradient(dy.at[j], gate.at[j], up.at[j]);
    gate.at[j] = gradient.x;
    up.at[j] = gradient.y;
  }
  Store8(gate_up + at, gate);
  Store8(gate_up + at + f, up);
}

}  // namespace

template <typename T>
void SwiGlu(const T* gate_up, const Stack& stack, int f, T* product, cudaStream_t stream) {
  const size_t total = static_cast<size_t>(stack.runs) * stack.rows_per_run * (f / 8);
  SwiGluKernel<T><<<static_cast<unsigned>((total + 255) / 256), 256, 0, stream>>>(gate_up, total, f, product);
}

template <typename T>
void SwiGluBackward(const T* dproduct, const Stack& stack, int f, T* gate_up, cudaStream_t stream) {
  const size_t total = static_cast<size_t>(stack.runs) * stack.rows_per_run * (f / 8);
  SwiGluBackwardKernel<T>
      <<<static_cast<unsigned>((total + 255) / 256), 256, 0, stream>>>(dproduct, total, f, gate_up);
}

template void SwiGlu(const float*, const Stack&, int, float*, cudaStream_t);
template void SwiGlu(const bf16*, const Stack&, int, bf16*, cudaStream_t);
template void SwiGluBackward(const float*, const Stack&, int, float*, cudaStream_t);
template void SwiGluBackward(const bf16*, const Stack&, int, bf16*, cudaStream_t);

}  // namespace sextant::trainer::cuda
