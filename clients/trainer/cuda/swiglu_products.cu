// SPDX-License-Identifier: Apache-2.0
// The products around SwiGLU with SwiGLU inside, for narrow models in large batches: there the products wait
// for memory, and what lies between them need not be written and read again. A block owns 128 rows, which it
// keeps in shared memory, and goes through tiles of 64 columns of the hidden width, on Hopper's warpgroup
// products.
#include <algorithm>

#include "clients/trainer/cuda/kernels.h"
#include "clients/trainer/cuda/swiglu.cuh"
#include "clients/trainer/cuda/tiles.cuh"
#include "clients/trainer/cuda/warpgroup.cuh"

namespace sextant::trainer::cuda {
namespace {

constexpr int kRows = 128;
constexpr int kThreads = 256;  // two warpgroups of 64 rows
constexpr int kBlocksAtOnce = 2 * 132;
constexpr int kRowTileBytes = kRows * 128;
constexpr int kPairBytes = 2 * static_cast<int>(kTileBytes);  // a gate and an up weight tile
constexpr int kWidth = kSwiGluProductsWidth;
constexpr int kSteps = kWidth / kTile;
// The rows' inputs, weights of one column tile, and what leaves.
constexpr int kForwardBytes = kSteps * (kRowTileBytes + kPairBytes) + 3 * kRowTileBytes;
// The rows' gradients, weights of one column tile, and gates and ups of two.
constexpr int kGatesAt = kSteps * (kRowTileBytes + static_cast<int>(kTileBytes));
constexpr int kBackwardBytes = kGatesAt + 4 * kRowTileBytes;

__device__ inline float SwiGluOf(float gate, float up) { return gate * up / (1 + __expf(-gate)); }

// As wide models round it, on its way through memory.
__device__ inline float Rounded(float v) { return __bfloat162float(__float2bfloat16_rn(v)); }

__global__ void __launch_bounds__(kThreads, 2)
    GateUpKernel(const bf16* x, const bf16* weights, size_t parameter_stride, int rows, int f, bf16* gate_up,
                 bf16* product) {
  const int first_row = static_cast<int>(blockIdx.y) * kRows;
  const size_t run = blockIdx.z;
  const int warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  x += run * rows * kWidth;
  weights += run * parameter_stride;
  gate_up += (run * rows + first_row) * 2 * f;
  product += (run * rows + first_row) * f;
  const int limit = rows - first_row;
  extern __shared__ __align__(1024) unsigned char shared[];
  const uint32_t x_tiles = SharedAddress(shared);
  const uint32_t weight_tiles = x_tiles + kSteps * kRowTileBytes;
  unsigned char* leaving = shared + kSteps * (kRowTileBytes + kPairBytes);
  auto load = [&](int column) {
#pragma unroll 1
    for (int step = 0; step < kSteps; ++step) {
      const bf16* gates = weights + step * kTile;
      const uint32_t pair = weight_tiles + step * kPairBytes;
      LoadTile<kTile, kThreads>(pair, gates, kWidth, column, f);
      LoadTile<kTile, kThreads>(pair + kTileBytes, gates + static_cast<size_t>(f) * kWidth, kWidth, column,
                                f);
    }
    CommitCopies();
  };
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    LoadTile<kRows, kThreads>(x_tiles + step * kRowTileBytes, x + step * kTile, kWidth, first_row, rows);
  }
  const int stride = static_cast<int>(gridDim.x) * kTile;
  load(static_cast<int>(blockIdx.x) * kTile);
  for (int column = static_cast<int>(blockIdx.x) * kTile; column < f; column += stride) {
    WaitCopies<0>();
    PublishTiles();
    __syncthreads();
    float gate[8][4];
    float up[8][4];
    BeginProducts();
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      const uint32_t own = x_tiles + step * kRowTileBytes + warp / 4 * kTileBytes;
      const uint32_t pair = weight_tiles + step * kPairBytes;
      MultiplyTiles<Right::kRowsOfOutput>(gate, own, pair, step > 0);
      MultiplyTiles<Right::kRowsOfOutput>(up, own, pair + kTileBytes, step > 0);
    }
    CommitProducts();
    WaitProducts<0>();
    Pin(gate);
    Pin(up);
    __syncthreads();
    if (column + stride < f) load(column + stride);  // arrives while this tile leaves
#pragma unroll
    for (int n = 0; n < 8; ++n) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        unsigned char* at = leaving + FragmentOffset(warp * 16, lane, n, half);
        const uint32_t gates = Pack(gate[n][2 * half], gate[n][2 * half + 1]);
        const uint32_t ups = Pack(up[n][2 * half], up[n][2 * half + 1]);
        *reinterpret_cast<uint32_t*>(at) = gates;
        *reinterpret_cast<uint32_t*>(at + kRowTileBytes) = ups;
        // From the rounded values, which the backward pass will read.
        *reinterpret_cast<uint32_t*>(at + 2 * kRowTileBytes) =
            Pack(SwiGluOf(Low(gates), Low(ups)), SwiGluOf(High(gates), High(ups)));
      }
    }
    const size_t width = 2 * static_cast<size_t>(f);
    SendRows(leaving, warp * 16, lane, gate_up + column, width, limit);
    SendRows(leaving + kRowTileBytes, warp * 16, lane, gate_up + f + column, width, limit);
    SendRows(leaving + 2 * kRowTileBytes, warp * 16, lane, product + column, f, limit);
  }
}

__global__ void __launch_bounds__(kThreads, 2)
    DownGradientKernel(const bf16* dx, const bf16* weights, size_t parameter_stride, int rows, int f,
                       bf16* gate_up) {
  const int first_row = static_cast<int>(blockIdx.y) * kRows;
  const size_t run = blockIdx.z;
  const int warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  dx += run * rows * kWidth;
  weights += run * parameter_stride;
  gate_up += run * rows * 2 * f;
  const size_t width = 2 * static_cast<size_t>(f);
  extern __shared__ __align__(1024) unsigned char shared[];
  const uint32_t dx_tiles = SharedAddress(shared);
  const uint32_t weight_tiles = dx_tiles + kSteps * kRowTileBytes;
  auto load = [&](int column, int buffer) {
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      LoadTile<kTile, kThreads>(weight_tiles + step * kTileBytes, weights + column, f, step * kTile, kWidth);
    }
    const uint32_t gates = dx_tiles + kGatesAt + buffer * 2 * kRowTileBytes;
    LoadTile<kRows, kThreads>(gates, gate_up + column, width, first_row, rows);
    LoadTile<kRows, kThreads>(gates + kRowTileBytes, gate_up + f + column, width, first_row, rows);
    CommitCopies();
  };
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    LoadTile<kRows, kThreads>(dx_tiles + step * kRowTileBytes, dx + step * kTile, kWidth, first_row, rows);
  }
  const int stride = static_cast<int>(gridDim.x) * kTile;
  int buffer = 0;
  load(static_cast<int>(blockIdx.x) * kTile, buffer);
  for (int column = static_cast<int>(blockIdx.x) * kTile; column < f; column += stride, buffer ^= 1) {
    WaitCopies<0>();
    PublishTiles();
    __syncthreads();
    float dproduct[8][4];
    BeginProducts();
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      MultiplyTiles<Right::kRowsOfInner>(dproduct, dx_tiles + step * kRowTileBytes + warp / 4 * kTileBytes,
                                         weight_tiles + step * kTileBytes, step > 0);
    }
    CommitProducts();
    WaitProducts<0>();
    Pin(dproduct);
    __syncthreads();
    if (column + stride < f) load(column + stride, buffer ^ 1);
    unsigned char* gates = shared + kGatesAt + buffer * 2 * kRowTileBytes;
#pragma unroll
    for (int n = 0; n < 8; ++n) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        uint32_t* gate = reinterpret_cast<uint32_t*>(gates + FragmentOffset(warp * 16, lane, n, half));
        uint32_t* up = gate + kRowTileBytes / 4;
        const float2 low = SwiGluGradient(Rounded(dproduct[n][2 * half]), Low(*gate), Low(*up));
        const float2 high = SwiGluGradient(Rounded(dproduct[n][2 * half + 1]), High(*gate), High(*up));
        *gate = Pack(low.x, high.x);
        *up = Pack(low.y, high.y);
      }
    }
    bf16* to = gate_up + static_cast<size_t>(first_row) * width + column;
    SendRows(gates, warp * 16, lane, to, width, rows - first_row);
    SendRows(gates + kRowTileBytes, warp * 16, lane, to + f, width, rows - first_row);
  }
}

// Blocks share out the column tiles of their rows when there are too few rows to fill the chip.
dim3 Grid(const Stack& stack, int f) {
  const int row_blocks = (stack.rows_per_run + kRows - 1) / kRows;
  const int shares = std::clamp(kBlocksAtOnce / (row_blocks * stack.runs), 1, f / kTile);
  return {static_cast<unsigned>(shares), static_cast<unsigned>(row_blocks),
          static_cast<unsigned>(stack.runs)};
}

}  // namespace

void GateUpSwiGlu(const bf16* x, const bf16* weights, const Stack& stack, int f, bf16* gate_up, bf16* product,
                  cudaStream_t stream) {
  AllowShared(GateUpKernel, kForwardBytes);
  GateUpKernel<<<Grid(stack, f), kThreads, kForwardBytes, stream>>>(x, weights, stack.parameter_stride,
                                                                    stack.rows_per_run, f, gate_up, product);
}

void DownSwiGluBackward(const bf16* dx, const bf16* weights, const Stack& stack, int f, bf16* gate_up,
                        cudaStream_t stream) {
  AllowShared(DownGradientKernel, kBackwardBytes);
  DownGradientKernel<<<Grid(stack, f), kThreads, kBackwardBytes, stream>>>(
      dx, weights, stack.parameter_stride, stack.rows_per_run, f, gate_up);
}

}  // namespace sextant::trainer::cuda
