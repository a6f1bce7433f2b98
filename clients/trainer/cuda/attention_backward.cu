// SPDX-License-Identifier: Apache-2.0
// Gradients of causal attention in bf16. The scores are recomputed twice, once by query tile and once by key
// tile, so that every sum has one owner and one order: no atomics, the same bits every time.
#include "clients/trainer/cuda/attention_tiles.cuh"
#include "clients/trainer/cuda/kernels.h"
#include "clients/trainer/cuda/warpgroup.cuh"

namespace sextant::trainer::cuda {
namespace {

// delta = rowsum(dout * out) of a block's rows, two threads a row, into shared memory and for the key kernel.
__device__ inline void SumDelta(const bf16* dout, const bf16* out, int d, int rows, float* row_delta,
                                float* delta) {
  const int r = threadIdx.x / 2;
  float sum = 0;
  if (r < rows) {
    const size_t at = static_cast<size_t>(r) * d + threadIdx.x % 2 * 32;
#pragma unroll
    for (int c = 0; c < 32; c += 8) {
      const Vec8 a = Load8(dout + at + c);
      const Vec8 b = Load8(out + at + c);
#pragma unroll
      for (int i = 0; i < 8; ++i) sum += a.at[i] * b.at[i];
    }
  }
  sum += __shfl_xor_sync(~0U, sum, 1);
  if (threadIdx.x % 2 == 0) {
    row_delta[r] = sum;
    if (r < rows) delta[r] = sum;
  }
}

constexpr int QueryBytes(int groups) {
  return groups * (2 * static_cast<int>(kTileBytes) + kTile * 4) + 2 * kStageBytes;
}

// Query gradient of 64 rows a warpgroup, and delta for the other kernel.
template <int Groups>
__global__ void __launch_bounds__(Groups * 128, 4 / Groups)
    AttentionQueryGradientKernel(const bf16* dout, const bf16* out, const bf16* qkv, const float* log_sum,
                                 const float2* table, int heads, int length, float* delta, bf16* dqkv) {
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
  const size_t out_base = task.window * length * d + task.head * 64;
  const size_t row_base = static_cast<size_t>(task.head_window) * length;

  extern __shared__ __align__(1024) unsigned char shared[];
  const uint32_t kv_tiles = SharedAddress(shared);  // two stages of a key and a value tile
  const uint32_t q_tile = kv_tiles + 2 * kStageBytes;
  const uint32_t dy_tile = q_tile + kRows * 128;
  float* row_delta = reinterpret_cast<float*>(shared + 2 * kStageBytes + 2 * kRows * 128);
  LoadTile<kRows, kThreads>(q_tile, base, stride, first_row, length);
  LoadTile<kRows, kThreads>(dy_tile, dout + out_base, d, first_row, length);
  const int tiles = (min(first_row + kRows, length) + kTile - 1) / kTile;
  auto load = [&](int tile) {
    const uint32_t stage = kv_tiles + tile % 2 * kStageBytes;
    LoadTile<kTile, kThreads>(stage, base + d, stride, tile * kTile, length);
    LoadTile<kTile, kThreads>(stage + kTileBytes, base + 2 * d, stride, tile * kTile, length);
    CommitCopies();
  };
  load(0);
  const size_t first = out_base + static_cast<size_t>(first_row) * d;
  SumDelta(dout + first, out + first, d, length - first_row, row_delta, delta + row_base + first_row);
  __syncthreads();
  const int row = first_row + warp * 16 + lane / 4;
  float log_sums[2];
  float deltas[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int at = row + 8 * half;
    log_sums[half] = at < length ? log_sum[row_base + at] : INFINITY;
    deltas[half] = row_delta[at - first_row];
  }

  const uint32_t own = warp / 4 * kTileBytes;  // the warpgroup's rows of the two tiles
  float dq[8][4] = {};
  ForEachTile(0, tiles, load, [&](int tile) {
    const int first_key = tile * kTile;
    if (first_key < group_row + kTile) {
      const uint32_t k_tile = kv_tiles + tile % 2 * kStageBytes;
      float s[8][4];
      float dp[8][4];
      BeginProducts();
      MultiplyTiles(s, q_tile + own, k_tile);
      MultiplyTiles(dp, dy_tile + own, k_tile + kTileBytes);
      CommitProducts();
      WaitProducts<0>();
      Pin(s);
      Pin(dp);
      if (first_key == group_row) HideLaterKeys(s, first_key, row, lane);
#pragma unroll
      for (int n = 0; n < 8; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          s[n][i] = Exp2(s[n][i] * kScaleLog2 - log_sums[i / 2]) * (dp[n][i] - deltas[i / 2]);
        }
      }
      uint32_t ds[4][4];
      PackRows(ds, s);
      Pin(dq);
      BeginProducts();
      AddProduct(dq, ds, k_tile);
      CommitProducts();
      WaitProducts<0>();
      Pin(dq);
    }
  });
  RotateBack(dq, kScale, table, row, length, lane);
  StoreRows(dq, shared, warp * 16, lane, dqkv + (task.window * length + first_row) * stride + task.head * 64,
            stride, length - first_row);
}

constexpr int kKeyBytes = 3 * kStageBytes + 4 * kTile * 4;

// Key and value gradients of a tile of 64 keys. Scores are taken transposed: keys are the rows of the
// products.
__global__ void __launch_bounds__(128, 3)
    AttentionKeyGradientKernel(const bf16* dout, const bf16* qkv, const float* log_sum, const float* delta,
                               const float2* table, int heads, int length, bf16* dqkv) {
  const int d = heads * 64;
  const BlockTask task = ThisBlock<kTile>(heads, length);
  const int first_key = task.tile * kTile;
  const int warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  const size_t stride = 3 * static_cast<size_t>(d);
  const bf16* base = qkv + task.window * length * stride + task.head * 64;
  const size_t out_base = task.window * length * d + task.head * 64;
  const size_t row_base = static_cast<size_t>(task.head_window) * length;

  extern __shared__ __align__(1024) unsigned char shared[];
  const uint32_t tiles_at = SharedAddress(shared);  // two stages of a query and an output gradient tile
  const uint32_t k_tile = tiles_at + 2 * kStageBytes;
  const uint32_t v_tile = k_tile + kTileBytes;
  float* log_sums = reinterpret_cast<float*>(shared + 3 * kStageBytes);  // [2][64]
  float* deltas = log_sums + 2 * kTile;                                  // [2][64]
  const int first_tile = first_key / kTile;
  const int tiles = (length + kTile - 1) / kTile;
  LoadTile<kTile, 128>(k_tile, base + d, stride, first_key, length);
  LoadTile<kTile, 128>(v_tile, base + 2 * d, stride, first_key, length);
  auto load = [&](int tile) {
    const uint32_t stage = tiles_at + tile % 2 * kStageBytes;
    LoadTile<kTile, 128>(stage, base, stride, tile * kTile, length);
    LoadTile<kTile, 128>(stage + kTileBytes, dout + out_base, d, tile * kTile, length);
    CommitCopies();
    if (threadIdx.x < kTile) {
      const int at = tile * kTile + static_cast<int>(threadIdx.x);
      log_sums[tile % 2 * kTile + threadIdx.x] = at < length ? log_sum[row_base + at] : INFINITY;
      deltas[tile % 2 * kTile + threadIdx.x] = at < length ? delta[row_base + at] : 0;
    }
  };

  load(first_tile);
  const int key = first_key + warp * 16 + lane / 4;
  float dk[8][4] = {};
  float dv[8][4] = {};
  ForEachTile(first_tile, tiles, load, [&](int tile) {
    const uint32_t q_tile = tiles_at + tile % 2 * kStageBytes;
    float s[8][4];
    float dp[8][4];
    BeginProducts();
    MultiplyTiles(s, k_tile, q_tile);
    MultiplyTiles(dp, v_tile, q_tile + kTileBytes);
    CommitProducts();
    WaitProducts<0>();
    Pin(s);
    Pin(dp);
    if (tile == first_tile) {
#pragma unroll
      for (int n = 0; n < 8; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int query = first_key + n * 8 + lane % 4 * 2 + i % 2;
          if (query < key + i / 2 * 8) s[n][i] = -INFINITY;
        }
      }
    }
#pragma unroll
    for (int n = 0; n < 8; ++n) {
      const int in_tile = tile % 2 * kTile + n * 8 + lane % 4 * 2;
      const float2 log_pair = *reinterpret_cast<const float2*>(log_sums + in_tile);
      const float2 delta_pair = *reinterpret_cast<const float2*>(deltas + in_tile);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        s[n][i] = Exp2(s[n][i] * kScaleLog2 - (i % 2 == 0 ? log_pair.x : log_pair.y));
        dp[n][i] = s[n][i] * (dp[n][i] - (i % 2 == 0 ? delta_pair.x : delta_pair.y));
      }
    }
    uint32_t p[4][4];
    uint32_t ds[4][4];
    PackRows(p, s);
    PackRows(ds, dp);
    Pin(dv);
    Pin(dk);
    BeginProducts();
    AddProduct(dv, p, q_tile + kTileBytes);
    AddProduct(dk, ds, q_tile);
    CommitProducts();
    WaitProducts<0>();
    Pin(dv);
    Pin(dk);
  });
  RotateBack(dk, kScale, table, key, length, lane);
  bf16* to = dqkv + (task.window * length + first_key) * stride + task.head * 64;
  StoreRows(dk, shared, warp * 16, lane, to + d, stride, length - first_key);
  __syncwarp();
  StoreRows(dv, shared, warp * 16, lane, to + 2 * d, stride, length - first_key);
}

template <int Groups>
void LaunchQueries(const bf16* dout, const bf16* out, const bf16* qkv, const float* log_sum,
                   const float2* table, unsigned windows, int heads, int length, float* delta, bf16* dqkv,
                   cudaStream_t stream) {
  AllowShared(AttentionQueryGradientKernel<Groups>, QueryBytes(Groups));
  const unsigned blocks = Blocks(windows, length, Groups * kTile);
  AttentionQueryGradientKernel<Groups><<<blocks, Groups * 128, QueryBytes(Groups), stream>>>(
      dout, out, qkv, log_sum, table, heads, length, delta, dqkv);
}

}  // namespace

template <>
void AttentionBackward(const bf16* dout, const bf16* out, const bf16* qkv, const float* log_sum,
                       const float2* table, const Stack& stack, int d, int length, float* delta, bf16* dqkv,
                       cudaStream_t stream) {
  const int heads = d / 64;
  const unsigned windows = HeadWindows(stack, length, heads);
  if (UseWideTiles(windows, length)) {
    LaunchQueries<2>(dout, out, qkv, log_sum, table, windows, heads, length, delta, dqkv, stream);
  } else {
    LaunchQueries<1>(dout, out, qkv, log_sum, table, windows, heads, length, delta, dqkv, stream);
  }
  AllowShared(AttentionKeyGradientKernel, kKeyBytes);
  const unsigned blocks = Blocks(windows, length, kTile);
  AttentionKeyGradientKernel<<<blocks, 128, kKeyBytes, stream>>>(dout, qkv, log_sum, delta, table, heads,
                                                                 length, dqkv);
}

}  // namespace sextant::trainer::cuda
