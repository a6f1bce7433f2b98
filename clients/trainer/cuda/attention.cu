// Causal attention in bf16 on tensor cores, tile by tile with the softmax kept running (Dao 2023), head
// dimension
// 64. The backward pass recomputes the scores twice, once by query tile and once by key tile, so that every
// sum has one owner and one order: no atomics, the same bits every time.
#include <cmath>

#include "clients/trainer/cuda/attention_tiles.cuh"
#include "clients/trainer/cuda/device_util.cuh"
#include "clients/trainer/cuda/kernels.h"

namespace sextant::trainer::cuda {
namespace {

constexpr float kScale = 0.125F;                          // 1 / sqrt(64)
constexpr float kScaleLog2 = kScale * 1.44269504088896F;  // scores go through exp2

// Registers are capped so that 16 warps share a multiprocessor.
template <int Warps>
__global__ void __launch_bounds__(Warps * 32, 16 / Warps)
    AttentionKernel(const bf16* qkv, int heads, int length, bf16* out, float* log_sum) {
  constexpr int kRows = Warps * 16;
  const int d = heads * 64;
  const int head = blockIdx.x % heads;
  const size_t window = blockIdx.x / heads;
  const int first_row = static_cast<int>(gridDim.y - 1 - blockIdx.y) * kRows;  // the longest rows start first
  const int warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  const size_t stride = 3 * static_cast<size_t>(d);
  const bf16* base = qkv + window * length * stride + head * 64;

  __shared__ __align__(128) unsigned char shared[kRows * 128 + 4 * kTileBytes];
  const uint32_t q_tile = SharedAddress(shared);
  const uint32_t kv_tiles = q_tile + kRows * 128;  // two stages of a key and a value tile
  LoadTile<kRows, Warps * 32>(q_tile, base, stride, first_row, length);
  const int tiles = (min(first_row + kRows, length) + kTile - 1) / kTile;
  auto load = [&](int tile) {
    const uint32_t stage = kv_tiles + tile % 2 * 2 * kTileBytes;
    LoadTile<kTile, Warps * 32>(stage, base + d, stride, tile * kTile, length);
    LoadTile<kTile, Warps * 32>(stage + kTileBytes, base + 2 * d, stride, tile * kTile, length);
    CommitCopies();
  };
  load(0);

  const int row = first_row + warp * 16 + lane / 4;  // this thread's rows are row and row + 8
  uint32_t q[4][4];
  float sums[8][4] = {};
  float largest[2] = {-INFINITY, -INFINITY};
  float total[2] = {};
  for (int tile = 0; tile < tiles; ++tile) {
    if (tile + 1 < tiles) {
      load(tile + 1);
      WaitCopies<1>();
    } else {
      WaitCopies<0>();
    }
    __syncthreads();
    if (tile == 0) LoadRowsFragments(q, q_tile, warp * 16, lane);
    const int first_key = tile * kTile;
    if (first_key <= first_row + warp * 16 + 15) {
      const uint32_t k_tile = kv_tiles + tile % 2 * 2 * kTileBytes;
      float s[8][4] = {};
      MultiplyByRows<8>(s, q, k_tile, 0, lane);
      if (first_key + kTile - 1 > first_row + warp * 16) {
#pragma unroll
        for (int n = 0; n < 8; ++n) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const int key = first_key + n * 8 + lane % 4 * 2 + i % 2;
            if (key > row + i / 2 * 8) s[n][i] = -INFINITY;
          }
        }
      }
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
      MultiplyByColumns<4>(sums, s, k_tile + kTileBytes, 0, lane);
    }
    __syncthreads();
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float sum = total[half];
    sum += __shfl_xor_sync(~0U, sum, 1);
    sum += __shfl_xor_sync(~0U, sum, 2);
    const int at = row + 8 * half;
    if (lane % 4 == 0 && at < length) {
      log_sum[static_cast<size_t>(blockIdx.x) * length + at] = largest[half] * kScaleLog2 + log2f(sum);
    }
    const float inverse = 1 / sum;
#pragma unroll
    for (int n = 0; n < 8; ++n) {
      sums[n][2 * half] *= inverse;
      sums[n][2 * half + 1] *= inverse;
    }
  }
  StoreRows(sums, shared, warp * 16, lane, out + (window * length + first_row) * d + head * 64, d,
            length - first_row);
}

// Query gradient of a tile of rows, and delta = rowsum(dout * out) for the other kernel.
template <int Warps>
__global__ void __launch_bounds__(Warps * 32, 16 / Warps)
    AttentionQueryGradientKernel(const bf16* dout, const bf16* out, const bf16* qkv, const float* log_sum,
                                 const float2* table, int heads, int length, float* delta, bf16* dqkv) {
  constexpr int kRows = Warps * 16;
  constexpr int kThreads = Warps * 32;
  const int d = heads * 64;
  const int head = blockIdx.x % heads;
  const size_t window = blockIdx.x / heads;
  const int first_row = static_cast<int>(gridDim.y - 1 - blockIdx.y) * kRows;
  const int warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  const size_t stride = 3 * static_cast<size_t>(d);
  const bf16* base = qkv + window * length * stride + head * 64;
  const size_t out_base = window * length * d + head * 64;

  __shared__ __align__(128) unsigned char shared[4 * kTileBytes];
  __shared__ float row_delta[kRows];
  const uint32_t tiles_at = SharedAddress(shared);
  // Queries and their output gradients pass through the same space into registers.
  LoadTile<kRows, kThreads>(tiles_at, base, stride, first_row, length);
  LoadTile<kRows, kThreads>(tiles_at + kRows * 128, dout + out_base, d, first_row, length);
  CommitCopies();
  {
    const int r = threadIdx.x / 2;
    float sum = 0;
    if (first_row + r < length) {
      const size_t at = out_base + static_cast<size_t>(first_row + r) * d + threadIdx.x % 2 * 32;
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
      if (first_row + r < length) delta[static_cast<size_t>(blockIdx.x) * length + first_row + r] = sum;
    }
  }
  WaitCopies<0>();
  __syncthreads();
  uint32_t q[4][4];
  uint32_t dy[4][4];
  LoadRowsFragments(q, tiles_at, warp * 16, lane);
  LoadRowsFragments(dy, tiles_at + kRows * 128, warp * 16, lane);
  const int row = first_row + warp * 16 + lane / 4;
  float log_sums[2];
  float deltas[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int at = row + 8 * half;
    log_sums[half] = at < length ? log_sum[static_cast<size_t>(blockIdx.x) * length + at] : INFINITY;
    deltas[half] = row_delta[at - first_row];
  }
  __syncthreads();

  const int tiles = (min(first_row + kRows, length) + kTile - 1) / kTile;
  auto load = [&](int tile) {
    const uint32_t stage = tiles_at + tile % 2 * 2 * kTileBytes;
    LoadTile<kTile, kThreads>(stage, base + d, stride, tile * kTile, length);
    LoadTile<kTile, kThreads>(stage + kTileBytes, base + 2 * d, stride, tile * kTile, length);
    CommitCopies();
  };
  load(0);
  float dq[8][4] = {};
  for (int tile = 0; tile < tiles; ++tile) {
    if (tile + 1 < tiles) {
      load(tile + 1);
      WaitCopies<1>();
    } else {
      WaitCopies<0>();
    }
    __syncthreads();
    const uint32_t k_tile = tiles_at + tile % 2 * 2 * kTileBytes;
#pragma unroll
    for (int part = 0; part < 2; ++part) {
      const int first_key = tile * kTile + part * 32;
      if (first_key > first_row + warp * 16 + 15) continue;
      float s[4][4] = {};
      float dp[4][4] = {};
      MultiplyByRows<4>(s, q, k_tile, part * 32, lane);
      MultiplyByRows<4>(dp, dy, k_tile + kTileBytes, part * 32, lane);
      if (first_key + 31 > first_row + warp * 16) {
#pragma unroll
        for (int n = 0; n < 4; ++n) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const int key = first_key + n * 8 + lane % 4 * 2 + i % 2;
            if (key > row + i / 2 * 8) s[n][i] = -INFINITY;
          }
        }
      }
#pragma unroll
      for (int n = 0; n < 4; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          s[n][i] = Exp2(s[n][i] * kScaleLog2 - log_sums[i / 2]) * (dp[n][i] - deltas[i / 2]);
        }
      }
      MultiplyByColumns<2>(dq, s, k_tile, part * 32, lane);
    }
    __syncthreads();
  }
  RotateBack(dq, kScale, table, row, length, lane);
  StoreRows(dq, shared, warp * 16, lane, dqkv + (window * length + first_row) * stride + head * 64, stride,
            length - first_row);
}

// Key and value gradients of a tile of 64 keys. Scores are taken transposed: keys are the rows of the
// products.
__global__ void __launch_bounds__(128, 3)
    AttentionKeyGradientKernel(const bf16* dout, const bf16* qkv, const float* log_sum, const float* delta,
                               const float2* table, int heads, int length, bf16* dqkv) {
  const int d = heads * 64;
  const int head = blockIdx.x % heads;
  const size_t window = blockIdx.x / heads;
  const int first_key = static_cast<int>(blockIdx.y) * kTile;
  const int warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  const size_t stride = 3 * static_cast<size_t>(d);
  const bf16* base = qkv + window * length * stride + head * 64;
  const size_t out_base = window * length * d + head * 64;
  const size_t row_base = static_cast<size_t>(blockIdx.x) * length;

  __shared__ __align__(128) unsigned char shared[4 * kTileBytes];
  __shared__ __align__(8) float log_sums[2][kTile];
  __shared__ __align__(8) float deltas[2][kTile];
  const uint32_t tiles_at = SharedAddress(shared);
  const int first_tile = first_key / kTile;
  const int tiles = (length + kTile - 1) / kTile;
  const uint32_t spare =
      tiles_at + (first_tile + 1) % 2 * 2 * kTileBytes;  // the stage the first tile leaves free
  LoadTile<kTile, 128>(spare, base + d, stride, first_key, length);
  LoadTile<kTile, 128>(spare + kTileBytes, base + 2 * d, stride, first_key, length);
  auto load = [&](int tile) {
    const uint32_t stage = tiles_at + tile % 2 * 2 * kTileBytes;
    LoadTile<kTile, 128>(stage, base, stride, tile * kTile, length);
    LoadTile<kTile, 128>(stage + kTileBytes, dout + out_base, d, tile * kTile, length);
    CommitCopies();
    if (threadIdx.x < kTile) {
      const int at = tile * kTile + static_cast<int>(threadIdx.x);
      log_sums[tile % 2][threadIdx.x] = at < length ? log_sum[row_base + at] : INFINITY;
      deltas[tile % 2][threadIdx.x] = at < length ? delta[row_base + at] : 0;
    }
  };
  load(first_tile);
  WaitCopies<0>();
  __syncthreads();
  uint32_t k[4][4];
  uint32_t v[4][4];
  LoadRowsFragments(k, spare, warp * 16, lane);
  LoadRowsFragments(v, spare + kTileBytes, warp * 16, lane);
  __syncthreads();

  const int key = first_key + warp * 16 + lane / 4;
  float dk[8][4] = {};
  float dv[8][4] = {};
  for (int tile = first_tile; tile < tiles; ++tile) {
    if (tile + 1 < tiles) {
      load(tile + 1);
      WaitCopies<1>();
    } else {
      WaitCopies<0>();
    }
    __syncthreads();
    const uint32_t q_tile = tiles_at + tile % 2 * 2 * kTileBytes;
#pragma unroll
    for (int part = 0; part < 2; ++part) {
      const int first_query = tile * kTile + part * 32;
      if (first_query + 31 < first_key + warp * 16) continue;
      float s[4][4] = {};
      float dp[4][4] = {};
      MultiplyByRows<4>(s, k, q_tile, part * 32, lane);
      MultiplyByRows<4>(dp, v, q_tile + kTileBytes, part * 32, lane);
      if (first_query < first_key + warp * 16 + 15) {
#pragma unroll
        for (int n = 0; n < 4; ++n) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const int query = first_query + n * 8 + lane % 4 * 2 + i % 2;
            if (query < key + i / 2 * 8) s[n][i] = -INFINITY;
          }
        }
      }
#pragma unroll
      for (int n = 0; n < 4; ++n) {
        const int in_tile = part * 32 + n * 8 + lane % 4 * 2;
        const float2 log_pair = *reinterpret_cast<const float2*>(&log_sums[tile % 2][in_tile]);
        const float2 delta_pair = *reinterpret_cast<const float2*>(&deltas[tile % 2][in_tile]);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          s[n][i] = Exp2(s[n][i] * kScaleLog2 - (i % 2 == 0 ? log_pair.x : log_pair.y));
          dp[n][i] = s[n][i] * (dp[n][i] - (i % 2 == 0 ? delta_pair.x : delta_pair.y));
        }
      }
      MultiplyByColumns<2>(dv, s, q_tile + kTileBytes, part * 32, lane);
      MultiplyByColumns<2>(dk, dp, q_tile, part * 32, lane);
    }
    __syncthreads();
  }
  RotateBack(dk, kScale, table, key, length, lane);
  bf16* to = dqkv + (window * length + first_key) * stride + head * 64;
  StoreRows(dk, shared, warp * 16, lane, to + d, stride, length - first_key);
  __syncwarp();
  StoreRows(dv, shared, warp * 16, lane, to + 2 * d, stride, length - first_key);
}

// Tiles of 128 rows read keys half as often; tiles of 64 fill the chip when there are few.
bool UseWideTiles(unsigned windows, int length) {
  return length >= 128 && windows * ((length + 127) / 128) >= 264;
}

unsigned Windows(const Stack& stack, int length, int heads) {
  return static_cast<unsigned>(static_cast<size_t>(stack.runs) * stack.rows_per_run / length * heads);
}

}  // namespace

template <>
void Attention(const bf16* qkv, const Stack& stack, int d, int length, bf16* out, float* log_sum,
               cudaStream_t stream) {
  const int heads = d / 64;
  const unsigned windows = Windows(stack, length, heads);
  if (UseWideTiles(windows, length)) {
    AttentionKernel<8>
        <<<dim3(windows, (length + 127) / 128), 256, 0, stream>>>(qkv, heads, length, out, log_sum);
  } else {
    AttentionKernel<4>
        <<<dim3(windows, (length + 63) / 64), 128, 0, stream>>>(qkv, heads, length, out, log_sum);
  }
}

template <>
void AttentionBackward(const bf16* dout, const bf16* out, const bf16* qkv, const float* log_sum,
                       const float2* table, const Stack& stack, int d, int length, float* delta, bf16* dqkv,
                       cudaStream_t stream) {
  const int heads = d / 64;
  const unsigned windows = Windows(stack, length, heads);
  const dim3 grid(windows, (length + kTile - 1) / kTile);
  if (UseWideTiles(windows, length)) {
    AttentionQueryGradientKernel<8><<<dim3(windows, (length + 127) / 128), 256, 0, stream>>>(
        dout, out, qkv, log_sum, table, heads, length, delta, dqkv);
  } else {
    AttentionQueryGradientKernel<4>
        <<<grid, 128, 0, stream>>>(dout, out, qkv, log_sum, table, heads, length, delta, dqkv);
  }
  AttentionKeyGradientKernel<<<grid, 128, 0, stream>>>(dout, qkv, log_sum, delta, table, heads, length, dqkv);
}

}  // namespace sextant::trainer::cuda
