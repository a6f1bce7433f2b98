// Tile moves and products shared by the attention kernels. A tile is rows of 64 bf16 in swizzled shared
// memory.
#pragma once

#include "clients/trainer/cuda/device_util.cuh"

namespace sextant::trainer::cuda {

inline constexpr int kTile = 64;
inline constexpr uint32_t kTileBytes = kTile * 128;

// Queues the copy of rows first_row .. first_row + Rows - 1 (zeros past `limit`) of a matrix with `stride`
// elements a row.
template <int Rows, int Threads>
__device__ inline void LoadTile(uint32_t tile, const bf16* matrix, size_t stride, int first_row, int limit) {
#pragma unroll
  for (int i = threadIdx.x; i < Rows * 8; i += Threads) {
    const int r = i / 8;
    const bool valid = first_row + r < limit;
    CopyAsync16(tile + TileOffset(r, i % 8), matrix + (valid ? first_row + r : 0) * stride + i % 8 * 8,
                valid);
  }
}

// The warp's 16 rows of a tile as left operands of four products along the 64 columns.
__device__ inline void LoadRowsFragments(uint32_t (&a)[4][4], uint32_t tile, int first, int lane) {
#pragma unroll
  for (int k = 0; k < 4; ++k) LoadMatrices(a[k], tile + TileOffset(first + lane % 16, 2 * k + lane / 16));
}

// c[16, 8 N] += a[16, 64] (rows first .. first + 8 N - 1 of the tile)^T
template <int N>
__device__ inline void MultiplyByRows(float (&c)[N][4], const uint32_t (&a)[4][4], uint32_t tile, int first,
                                      int lane) {
#pragma unroll
  for (int n = 0; n < N; n += 2) {
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      uint32_t b[4];
      LoadMatrices(b, tile + TileOffset(first + n * 8 + lane % 8 + lane / 16 * 8, 2 * k + lane / 8 % 2));
      MultiplyAdd(c[n], a[k], b[0], b[1]);
      MultiplyAdd(c[n + 1], a[k], b[2], b[3]);
    }
  }
}

// c[16, 64] += p[16, 16 K] (rows first .. first + 16 K - 1 of the tile), p rounded to bf16.
template <int K>
__device__ inline void MultiplyByColumns(float (&c)[8][4], const float (&p)[2 * K][4], uint32_t tile,
                                         int first, int lane) {
#pragma unroll
  for (int k = 0; k < K; ++k) {
    const uint32_t a[4] = {Pack(p[2 * k][0], p[2 * k][1]), Pack(p[2 * k][2], p[2 * k][3]),
                           Pack(p[2 * k + 1][0], p[2 * k + 1][1]), Pack(p[2 * k + 1][2], p[2 * k + 1][3])};
#pragma unroll
    for (int n = 0; n < 8; n += 2) {
      uint32_t b[4];
      LoadMatricesTransposed(b, tile + TileOffset(first + k * 16 + lane % 16, n + lane / 16));
      MultiplyAdd(c[n], a, b[0], b[1]);
      MultiplyAdd(c[n + 1], a, b[2], b[3]);
    }
  }
}

// Scales c[16, 64] and turns it back by the positions `row` and `row + 8` of the thread's two rows.
__device__ inline void RotateBack(float (&c)[8][4], float scale, const float2* table, int row, int length,
                                  int lane) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int position = row + 8 * half < length ? row + 8 * half : 0;
#pragma unroll
    for (int n = 0; n < 4; ++n) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const float2 cs = table[position * 32 + n * 8 + lane % 4 * 2 + i];
        const float a = c[n][2 * half + i] * scale;
        const float b = c[n + 4][2 * half + i] * scale;
        c[n][2 * half + i] = a * cs.x + b * cs.y;
        c[n + 4][2 * half + i] = b * cs.x - a * cs.y;
      }
    }
  }
}

// Writes the warp's c[16, 64] to rows `first` .. of `to` (stride elements a row, rows past `limit` left out),
// through the warp's own rows of the tile at `shared`, so that whole rows leave together.
__device__ inline void StoreRows(const float (&c)[8][4], unsigned char* shared, int first, int lane, bf16* to,
                                 size_t stride, int limit) {
#pragma unroll
  for (int n = 0; n < 8; ++n) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      *reinterpret_cast<uint32_t*>(shared + TileOffset(first + lane / 4 + 8 * half, n) + lane % 4 * 4) =
          Pack(c[n][2 * half], c[n][2 * half + 1]);
    }
  }
  __syncwarp();
#pragma unroll
  for (int i = lane; i < 128; i += 32) {
    const int r = first + i / 8;
    if (r < limit) {
      *reinterpret_cast<uint4*>(to + r * stride + i % 8 * 8) =
          *reinterpret_cast<const uint4*>(shared + TileOffset(r, i % 8));
    }
  }
}

}  // namespace sextant::trainer::cuda
