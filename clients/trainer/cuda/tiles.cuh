// SPDX-License-Identifier: Apache-2.0
// Moves of tiles between global and shared memory. A tile is rows of 64 bf16 in swizzled shared memory.
#pragma once

#include <cuda_runtime_api.h>

#include "clients/trainer/cuda/device_util.cuh"

namespace sextant::trainer::cuda {

inline constexpr int kTile = 64;
inline constexpr uint32_t kTileBytes = kTile * 128;

// Lets blocks of `kernel` take `bytes` of dynamic shared memory on the current device.
template <typename Kernel>
void AllowShared(Kernel* kernel, int bytes) {
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
}

// Queues the copy of rows first_row .. first_row + Rows - 1 (zeros past `limit`) of a matrix with `stride`
// elements a row.
template <int Rows, int Threads>
__device__ inline void LoadTile(uint32_t tile, const bf16* matrix, size_t stride, int first_row, int limit) {
  static_assert(Rows * 8 % Threads == 0);
#pragma unroll
  for (int turn = 0; turn < Rows * 8 / Threads; ++turn) {
    const int i = turn * Threads + static_cast<int>(threadIdx.x);
    const int r = i / 8;
    const bool valid = first_row + r < limit;
    CopyAsync16(tile + TileOffset(r, i % 8), matrix + (valid ? first_row + r : 0) * stride + i % 8 * 8,
                valid);
  }
}

// Where a thread's two elements of fragment column `n`, row `half`, lie in a tile whose rows `first` ..
// belong to its warp.
__device__ inline uint32_t FragmentOffset(int first, int lane, int n, int half) {
  return TileOffset(first + lane / 4 + 8 * half, n) + lane % 4 * 4;
}

// Writes rows `first` .. first + 15 of the tile at `shared`, put there by this warp, to `to` (stride elements
// a row, rows past `limit` left out), whole rows together.
__device__ inline void SendRows(const unsigned char* shared, int first, int lane, bf16* to, size_t stride,
                                int limit) {
  __syncwarp();
#pragma unroll
  for (int turn = 0; turn < 4; ++turn) {
    const int r = first + turn * 4 + lane / 8;
    if (r < limit) {
      *reinterpret_cast<uint4*>(to + r * stride + lane % 8 * 8) =
          *reinterpret_cast<const uint4*>(shared + TileOffset(r, lane % 8));
    }
  }
}

// Sends the warp's c[16, 64] through its own rows of the tile at `shared`.
__device__ inline void StoreRows(const float (&c)[8][4], unsigned char* shared, int first, int lane, bf16* to,
                                 size_t stride, int limit) {
#pragma unroll
  for (int n = 0; n < 8; ++n) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      *reinterpret_cast<uint32_t*>(shared + FragmentOffset(first, lane, n, half)) =
          Pack(c[n][2 * half], c[n][2 * half + 1]);
    }
  }
  SendRows(shared, first, lane, to, stride, limit);
}

}  // namespace sextant::trainer::cuda
