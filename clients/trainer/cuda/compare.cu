// SPDX-License-Identifier: Apache-2.0
// Do two outputs of a product have the same bits?
#include "clients/trainer/cuda/kernels.h"

namespace sextant::trainer::cuda {
namespace {

__global__ void CompareBitsKernel(const uint4* a, const uint4* b, size_t count, size_t stride,
                                  unsigned* different) {
  const size_t base = blockIdx.y * stride;
  for (size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x; i < count;
       i += static_cast<size_t>(gridDim.x) * blockDim.x) {
    const uint4 x = a[base + i];
    const uint4 y = b[base + i];
    if (x.x != y.x || x.y != y.y || x.z != y.z || x.w != y.w) *different = 1;
  }
}

}  // namespace

void CompareBits(const void* a, const void* b, size_t bytes, size_t stride_bytes, int runs,
                 unsigned* different, cudaStream_t stream) {
  const size_t count = bytes / 16;
  const size_t blocks = (count + 255) / 256;
  const dim3 grid(static_cast<unsigned>(blocks < 1056 ? blocks : 1056), runs);
  CompareBitsKernel<<<grid, 256, 0, stream>>>(static_cast<const uint4*>(a), static_cast<const uint4*>(b),
                                              count, stride_bytes / 16, different);
}

}  // namespace sextant::trainer::cuda
