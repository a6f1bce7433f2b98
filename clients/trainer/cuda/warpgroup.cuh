// SPDX-License-Identifier: Apache-2.0
// Hopper's warpgroup products: four warps multiply 64-row tiles that lie in shared memory, asynchronously.
// Tiles are rows of 64 bf16 with 16-byte chunks swizzled as TileOffset says, 1024-byte aligned; layouts and
// fragment orders are those of the PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions".
#pragma once

#include "clients/trainer/cuda/device_util.cuh"

namespace sextant::trainer::cuda {

// A product's view of a tile in shared memory: its address, 1024 bytes between groups of eight rows, 128-byte
// swizzle.
__device__ inline uint64_t TileView(uint32_t address) {
  return (static_cast<uint64_t>(address & 0x3ffffU) >> 4) | (uint64_t{1} << 16) | (uint64_t{64} << 32) |
         (uint64_t{1} << 62);
}

// Orders this thread's register and shared-memory accesses before the products that follow.
__device__ inline void BeginProducts() { asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory"); }
__device__ inline void CommitProducts() { asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory"); }
// Waits until at most `Pending` committed groups are unfinished.
template <int Pending>
__device__ inline void WaitProducts() {
  asm volatile("wgmma.wait_group.sync.aligned %0;\n" ::"n"(Pending) : "memory");
}
// Makes this thread's stores and finished copies to shared memory visible to products; a barrier must follow.
__device__ inline void PublishTiles() { asm volatile("fence.proxy.async.shared::cta;\n" ::: "memory"); }

// Keeps the compiler from moving reads or writes of `c` across this point.
__device__ inline void Pin(float (&c)[8][4]) {
#pragma unroll
  for (int n = 0; n < 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) asm volatile("" : "+f"(c[n][i])::"memory");
  }
}

#define SEXTANT_ACCUMULATORS                                                                                \
  "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27," \
  "%28,%29,%30,%31}"
#define SEXTANT_ROW(n) "+f"(c[n][0]), "+f"(c[n][1]), "+f"(c[n][2]), "+f"(c[n][3])
#define SEXTANT_OUTPUTS                                                                           \
  SEXTANT_ROW(0), SEXTANT_ROW(1), SEXTANT_ROW(2), SEXTANT_ROW(3), SEXTANT_ROW(4), SEXTANT_ROW(5), \
      SEXTANT_ROW(6), SEXTANT_ROW(7)

// What the rows of a product's right tile are: columns of the output (c = a b^T) or of the left tile (c = a
// b).
enum class Right { kRowsOfOutput, kRowsOfInner };

// One product of 16 inner columns. Columns of `a` lie 32 bytes a turn apart, and so do
// those of `b`, or its rows 2048.
template <Right kRight>
__device__ inline void MultiplyTurn(float (&c)[8][4], uint64_t a, uint64_t b, int turn, bool add) {
  constexpr int kTranspose = kRight == Right::kRowsOfInner ? 1 : 0;
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " SEXTANT_ACCUMULATORS
      ", %32, %33, p, 1, 1, 0, %35;\n}\n"
      : SEXTANT_OUTPUTS
      : "l"(a + 2 * turn), "l"(b + (kTranspose ? 128 : 2) * turn), "r"(static_cast<int>(add)),
        "n"(kTranspose));
}

// c[64, 64] = the product of two tiles, or with `add` c += it; c is defined once the product has been waited
// for.
template <Right kRight = Right::kRowsOfOutput>
__device__ inline void MultiplyTiles(float (&c)[8][4], uint32_t a_tile, uint32_t b_tile, bool add = false) {
#pragma unroll
  for (int turn = 0; turn < 4; ++turn) {
    MultiplyTurn<kRight>(c, TileView(a_tile), TileView(b_tile), turn, add || turn > 0);
  }
}

// c[64, 64] += a[64, 64] b[64, 64], a in registers, b a tile.
__device__ inline void AddProduct(float (&c)[8][4], const uint32_t (&a)[4][4], uint32_t b_tile) {
  const uint64_t b = TileView(b_tile);
#pragma unroll
  for (int k = 0; k < 4; ++k) {  // 16 rows, 2048 bytes, a turn
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " SEXTANT_ACCUMULATORS
                 ", {%32,%33,%34,%35}, %36, 1, 1, 1, 1;\n"
                 : SEXTANT_OUTPUTS
                 : "r"(a[k][0]), "r"(a[k][1]), "r"(a[k][2]), "r"(a[k][3]), "l"(b + 128 * k));
  }
}

#undef SEXTANT_ACCUMULATORS
#undef SEXTANT_ROW
#undef SEXTANT_OUTPUTS

// The sums of a product, rounded to bf16, as the left operand of the next.
__device__ inline void PackRows(uint32_t (&a)[4][4], const float (&c)[8][4]) {
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    a[k][0] = Pack(c[2 * k][0], c[2 * k][1]);
    a[k][1] = Pack(c[2 * k][2], c[2 * k][3]);
    a[k][2] = Pack(c[2 * k + 1][0], c[2 * k + 1][1]);
    a[k][3] = Pack(c[2 * k + 1][2], c[2 * k + 1][3]);
  }
}

}  // namespace sextant::trainer::cuda
