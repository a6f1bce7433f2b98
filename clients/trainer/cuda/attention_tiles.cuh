// SPDX-License-Identifier: Apache-2.0
// What the attention kernels share: which rows a block owns, its way through the tiles, the causal mask.
#pragma once

#include <cuda_runtime_api.h>

#include <cmath>

#include "clients/trainer/cuda/kernels.h"
#include "clients/trainer/cuda/tiles.cuh"
#include "clients/trainer/cuda/warpgroup.cuh"

namespace sextant::trainer::cuda {

inline constexpr int kStageBytes = 2 * kTile * 128;              // a stage of the copy pipeline is two tiles
inline constexpr float kScale = 0.125F;                          // 1 / sqrt(64)
inline constexpr float kScaleLog2 = kScale * 1.44269504088896F;  // scores go through exp2

// Heads of all windows of all runs.
inline unsigned HeadWindows(const Stack& stack, int length, int heads) {
  return static_cast<unsigned>(static_cast<size_t>(stack.runs) * stack.rows_per_run / length * heads);
}

// Blocks of 128 rows read keys half as often; blocks of 64 fill the chip when there are few.
inline bool UseWideTiles(unsigned windows, int length) {
  return length >= 128 && windows * ((length + 127) / 128) >= 264;
}

// Where queries, keys and values fit into this much cache, the longest blocks of all heads start first, which
// shortens the tail; else the blocks of a head start together, to read its keys from memory once.
inline constexpr size_t kCachedBytes = 32 << 20;

// What a block works on: `Rows` rows of one head of one window.
struct BlockTask {
  int head_window;  // counts heads of windows, as log_sum and delta do
  int head;
  size_t window;
  int tile, tiles;  // of the head
};
template <int Rows>
__device__ inline BlockTask ThisBlock(int heads, int length) {
  const int tiles = (length + Rows - 1) / Rows;
  const int block = static_cast<int>(blockIdx.x);
  const int head_windows = static_cast<int>(gridDim.x) / tiles;
  const bool cached = static_cast<size_t>(head_windows) * length * 3 * 128 <= kCachedBytes;
  const int head_window = cached ? block % head_windows : block / tiles;
  const int tile = cached ? block / head_windows : block % tiles;
  return {head_window, head_window % heads, static_cast<size_t>(head_window / heads), tile, tiles};
}
inline unsigned Blocks(unsigned head_windows, int length, int rows) {
  return head_windows * static_cast<unsigned>((length + rows - 1) / rows);
}

// Calls use(tile) for tiles `first` .. `end` - 1 once load(tile) has brought them and every thread is ready,
// with the copies of the next on the way. `load` commits what it queues; the first has been called.
template <typename Load, typename Use>
__device__ inline void ForEachTile(int first, int end, Load load, Use use) {
  for (int tile = first; tile < end; ++tile) {
    if (tile + 1 < end) {
      load(tile + 1);
      WaitCopies<1>();
    } else {
      WaitCopies<0>();
    }
    PublishTiles();
    __syncthreads();
    use(tile);
    __syncthreads();
  }
}

// Hides keys after their query in the scores s[64, 64] of a diagonal tile: `row` is the thread's first of the
// queries, `first_key` the tile's first key.
__device__ inline void HideLaterKeys(float (&s)[8][4], int first_key, int row, int lane) {
#pragma unroll
  for (int n = 0; n < 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int key = first_key + n * 8 + lane % 4 * 2 + i % 2;
      if (key > row + i / 2 * 8) s[n][i] = -INFINITY;
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

}  // namespace sextant::trainer::cuda
