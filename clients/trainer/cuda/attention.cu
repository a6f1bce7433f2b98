// SPDX-License-Identifier: Apache-2.0
// Causal attention in bf16 on Hopper's warpgroup products, tile by tile with the softmax kept running (Dao
// 2023), head dimension 64.
#include "clients/trainer/cuda/attention_tiles.cuh"
#include "clients/trainer/cuda/kernels.h"
#include "clients/trainer/cuda/warpgroup.cuh"

namespace sextant::trainer::cuda {
namespace {

constexpr int SharedBytes(int groups) { return groups * static_cast<int>(kTileBytes) + kStageBytes * 2; }

// Raises the running maximum of a thread's two rows to that of the scores s, turns s into exponentials
// relative to it and rescales what was added up so far.
__device__ inline void AddSoftmax(float (&s)[8][4], float (&sums)[8][4], float (&largest)[2],
                                  float (&total)[2]) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float here = largest[half];
#pragma unroll
    for (int n = 0; n < 8; ++n) here = fmaxf(here, fmaxf(s[n][2 * half], s[n][2 * half + 1]));
    here = fmaxf(here, __shfl_xor_sync(~0U, here, 1));
    here = fmaxf(here, __shfl_xor_sync(~0U, here, 2));
    const float shrink = Exp2((largest[half] - here) * kScaleLog2);
    largest[half] = here;
    const float offset = here * kScaleLog2;
    float sum = 0;
#pragma unroll
    for (int n = 0; n < 8; ++n) {
#pragma unroll
      for (int i = 2 * half; i < 2 * half + 2; ++i) {
        s[n][i] = Exp2(s[n][i] * kScaleLog2 - offset);
        sum += s[n][i];
        sums[n][i] *= shrink;
      }
    }
    total[half] = total[half] * shrink + sum;
  }
}

// A block owns 64 rows a warpgroup. Registers are capped so that 16 warps share a multiprocessor.
template <int Groups>
__global__ void __launch_bounds__(Groups * 128, 4 / Groups)
    AttentionKernel(const bf16* qkv, int heads, int length, bf16* out, float* log_sum) {
  constexpr int kRows = Groups * kTile;
  constexpr int kThreads = Groups * 128;
  const int d = heads * 64;
  const BlockTask task = ThisBlock<kRows>(heads, length);
  const int first_row = (task.tiles - 1 - task.tile) * kRows;  // the longest rows start first
  const int warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  const int group_row = first_row + warp / 4 * kTile;
  const size_t stride = 3 * static_cast<size_t>(d);
  const bf16* base = qkv + task.window * length * stride + task.head * 64;

  extern __shared__ __align__(1024) unsigned char shared[];
  const uint32_t q_tile = SharedAddress(shared);
  const uint32_t kv_tiles = q_tile + kRows * 128;  // two stages of a key and a value tile
  LoadTile<kRows, kThreads>(q_tile, base, stride, first_row, length);
  const int tiles = (min(first_row + kRows, length) + kTile - 1) / kTile;
  auto load = [&](int tile) {
    const uint32_t stage = kv_tiles + tile % 2 * kStageBytes;
    LoadTile<kTile, kThreads>(stage, base + d, stride, tile * kTile, length);
    LoadTile<kTile, kThreads>(stage + kTileBytes, base + 2 * d, stride, tile * kTile, length);
    CommitCopies();
  };

  load(0);
  const int row = first_row + warp * 16 + lane / 4;  // this thread's rows are row and row + 8
  float sums[8][4] = {};
  float largest[2] = {-INFINITY, -INFINITY};
  float total[2] = {};
  ForEachTile(0, tiles, load, [&](int tile) {
    const int first_key = tile * kTile;
    if (first_key < group_row + kTile) {
      const uint32_t k_tile = kv_tiles + tile % 2 * kStageBytes;
      float s[8][4];
      BeginProducts();
      MultiplyTiles(s, q_tile + warp / 4 * kTileBytes, k_tile);
      CommitProducts();
      WaitProducts<0>();
      Pin(s);
      if (first_key == group_row) HideLaterKeys(s, first_key, row, lane);
      AddSoftmax(s, sums, largest, total);
      uint32_t p[4][4];
      PackRows(p, s);
      Pin(sums);
      BeginProducts();
      AddProduct(sums, p, k_tile + kTileBytes);
      CommitProducts();
      WaitProducts<0>();
      Pin(sums);
    }
  });
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float sum = total[half];
    sum += __shfl_xor_sync(~0U, sum, 1);
    sum += __shfl_xor_sync(~0U, sum, 2);
    const int at = row + 8 * half;
    if (lane % 4 == 0 && at < length) {
      log_sum[static_cast<size_t>(task.head_window) * length + at] = largest[half] * kScaleLog2 + log2f(sum);
    }
    const float inverse = 1 / sum;
#pragma unroll
    for (int n = 0; n < 8; ++n) {
      sums[n][2 * half] *= inverse;
      sums[n][2 * half + 1] *= inverse;
    }
  }
  StoreRows(sums, shared, warp * 16, lane, out + (task.window * length + first_row) * d + task.head * 64, d,
            length - first_row);
}

template <int Groups>
void Launch(const bf16* qkv, unsigned windows, int heads, int length, bf16* out, float* log_sum,
            cudaStream_t stream) {
  AllowShared(AttentionKernel<Groups>, SharedBytes(Groups));
  const unsigned blocks = Blocks(windows, length, Groups * kTile);
  AttentionKernel<Groups>
      <<<blocks, Groups * 128, SharedBytes(Groups), stream>>>(qkv, heads, length, out, log_sum);
}

}  // namespace

template <>
void Attention(const bf16* qkv, const Stack& stack, int d, int length, bf16* out, float* log_sum,
               cudaStream_t stream) {
  const int heads = d / 64;
  const unsigned windows = HeadWindows(stack, length, heads);
  if (UseWideTiles(windows, length)) {
    Launch<2>(qkv, windows, heads, length, out, log_sum, stream);
  } else {
    Launch<1>(qkv, windows, heads, length, out, log_sum, stream);
  }
}

}  // namespace sextant::trainer::cuda
