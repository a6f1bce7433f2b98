// SPDX-License-Identifier: Apache-2.0
// Small device helpers: eight-element vectors, tensor-core and asynchronous-copy instructions, reductions.
#pragma once

#include <cuda_bf16.h>

#include <cstdint>

namespace sextant::trainer::cuda {

using bf16 = __nv_bfloat16;

// Eight consecutive elements, moved as 16 bytes (bf16) or 32 (float).
struct Vec8 {
  float at[8];
};

__device__ inline Vec8 Load8(const float* p) {
  Vec8 v;
  *reinterpret_cast<float4*>(v.at) = *reinterpret_cast<const float4*>(p);
  *reinterpret_cast<float4*>(v.at + 4) = *reinterpret_cast<const float4*>(p + 4);
  return v;
}

// The two bf16 of a word.
__device__ inline float Low(uint32_t pair) { return __uint_as_float(pair << 16); }
__device__ inline float High(uint32_t pair) { return __uint_as_float(pair & 0xffff0000U); }

__device__ inline Vec8 Load8(const bf16* p) {
  const uint4 raw = *reinterpret_cast<const uint4*>(p);
  const uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
  Vec8 v;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    v.at[2 * i] = Low(words[i]);
    v.at[2 * i + 1] = High(words[i]);
  }
  return v;
}

__device__ inline uint32_t Pack(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}

__device__ inline void Store8(float* p, const Vec8& v) {
  *reinterpret_cast<float4*>(p) = *reinterpret_cast<const float4*>(v.at);
  *reinterpret_cast<float4*>(p + 4) = *reinterpret_cast<const float4*>(v.at + 4);
}

__device__ inline void Store8(bf16* p, const Vec8& v) {
  *reinterpret_cast<uint4*>(p) = make_uint4(Pack(v.at[0], v.at[1]), Pack(v.at[2], v.at[3]),
                                            Pack(v.at[4], v.at[5]), Pack(v.at[6], v.at[7]));
}

// Sum over the aligned group of `Lanes` lanes; every lane gets it.
template <int Lanes>
__device__ inline float GroupSum(float v) {
#pragma unroll
  for (int offset = Lanes / 2; offset > 0; offset /= 2) v += __shfl_xor_sync(0xffffffffU, v, offset);
  return v;
}

__device__ inline double WarpSum(double v) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) v += __shfl_xor_sync(0xffffffffU, v, offset);
  return v;
}

__device__ inline uint32_t SharedAddress(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// 16 bytes from global to shared memory, zeros when !valid.
__device__ inline void CopyAsync16(uint32_t shared, const void* global, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared), "l"(global),
               "r"(valid ? 16 : 0));
}
__device__ inline void CommitCopies() { asm volatile("cp.async.commit_group;\n" ::); }
template <int Pending>
__device__ inline void WaitCopies() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(Pending));
}

__device__ inline void LoadMatricesTransposed(uint32_t (&r)[4], uint32_t shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared));
}

// c[16, 8] += a[16, 16] b[16, 8]
__device__ inline void MultiplyAdd(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};\n"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// 2^x in one instruction, zero for results below the normal range.
__device__ inline float Exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;\n" : "=f"(y) : "f"(x));
  return y;
}

// Byte offset of 16-byte chunk `chunk` of row `row` in a shared tile of 64 bf16 a row; the exclusive or
// spreads the rows of a column over all banks.
__device__ inline uint32_t TileOffset(int row, int chunk) {
  return static_cast<uint32_t>(row * 128 + ((chunk ^ (row & 7)) << 4));
}

}  // namespace sextant::trainer::cuda
