// SPDX-License-Identifier: Apache-2.0
// exp and log over vectors of SEXTANT_LANES doubles, for one CPU level.
//
// Included by translation units that are compiled for different CPUs: everything has internal linkage, so
// that the linker can never hand one level's code to another, and nothing from the standard library is
// instantiated here. Errors, measured against a long double reference: below 1 unit in the last place for
// both (vector_math_test).
#pragma once

#ifndef SEXTANT_LANES
#error "define SEXTANT_LANES (2, 4 or 8) before including vector_math.h"
#endif

#if SEXTANT_LANES > 2
#include <immintrin.h>
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sextant::fitting::tape {
namespace {

constexpr std::size_t kLanes = SEXTANT_LANES;
using Vec = double __attribute__((vector_size(8 * SEXTANT_LANES)));
using Bits = std::int64_t __attribute__((vector_size(8 * SEXTANT_LANES)));
using Unsigned = std::uint64_t __attribute__((vector_size(8 * SEXTANT_LANES)));

inline Vec Load(const double* from) {
  Vec value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

inline void Store(double* to, Vec value) { std::memcpy(to, &value, sizeof value); }

// The first `count` lanes, count < kLanes.
inline void StorePartial(double* to, Vec value, std::size_t count) {
#if SEXTANT_LANES == 8
  _mm512_mask_storeu_pd(to, static_cast<__mmask8>((1u << count) - 1), value);
#elif SEXTANT_LANES == 4
  if (count & 2) _mm_storeu_pd(to, _mm256_castpd256_pd128(value));
  if (count & 1) to[count - 1] = value[count - 1];
#else
  if (count == 1) to[0] = value[0];
#endif
}

inline Vec Splat(double value) { return value - Vec{}; }

inline Vec Sqrt(Vec x) {
#if SEXTANT_LANES == 8
  return _mm512_maskz_sqrt_pd(0xff, x);  // the plain form warns of an unset register in GCC 12
#elif SEXTANT_LANES == 4
  return _mm256_sqrt_pd(x);
#else
  return Vec{__builtin_sqrt(x[0]), __builtin_sqrt(x[1])};
#endif
}

// True when every lane of a comparison is.
inline bool AllOf(Bits lanes) {
#if SEXTANT_LANES == 8
  return _mm512_movepi64_mask(reinterpret_cast<__m512i>(lanes)) == 0xff;
#elif SEXTANT_LANES == 4
  return _mm256_movemask_pd(reinterpret_cast<__m256d>(lanes)) == 0xf;
#else
  return (lanes[0] & lanes[1]) != 0;
#endif
}

// exp(x) = 2^n (1 + r + r^2 Q(r)), |r| <= ln 2 / 2. Q is the Chebyshev fit of degree 9, relative
// error 1.6e-17. |x| must be at most 708, for 2^n to be a normal number.
inline Vec ExpInRange(Vec x) {
  constexpr double kLog2e = 1.4426950408889634;
  constexpr double kLn2High = 0x1.62e42fefa0000p-1, kLn2Low = 0x1.cf79abc9e3b3ap-40;
  constexpr double kRound = 0x1.8p52;  // adding it rounds to an integer, left in the low bits
  const Vec shifted = x * kLog2e + kRound;
  const Vec n = shifted - kRound;
  const Vec r = (x - n * kLn2High) - n * kLn2Low;
  const Vec r2 = r * r, r4 = r2 * r2;
  const Vec q01 = 0.16666666666666669 * r + 0.5000000000000001;
  const Vec q23 = 0.00833333333333006 * r + 0.041666666666624094;
  const Vec q45 = 0.00019841269863066696 * r + 0.0013888888917230724;
  const Vec q67 = 2.7557268439678e-06 * r + 2.4801521269532122e-05;
  const Vec q89 = 2.5100395159429243e-08 * r + 2.7620101012098e-07;
  const Vec q03 = q23 * r2 + q01;
  const Vec q49 = (q89 * r2 + q67) * r2 + q45;
  const Vec q = q49 * r4 + q03;
  const Vec power = (r2 * q + r) + 1.0;
  const Bits scale = (reinterpret_cast<Bits>(shifted) << 52) + (std::int64_t{1023} << 52);
  return power * reinterpret_cast<Vec>(scale);
}

// exp(x). Results below 2^-1021 are 0; NaN stays NaN.
inline Vec Exp(Vec x) {
  constexpr double kLargest = 709.782712893384, kSmallest = -707.7032713517042;
  if (AllOf((x >= kSmallest) & (x <= -kSmallest))) [[likely]] {
    return ExpInRange(x);
  }
  // exp(x) = exp(x - 2) e^2 reaches the largest results.
  Vec inside = x < kSmallest ? Splat(kSmallest) : x;
  inside = inside > kLargest ? Splat(kLargest) : inside;
  const Bits large = x > 700.0;
  Vec result = ExpInRange(large ? inside - 2.0 : inside);
  result = large ? result * 7.38905609893065 : result;
  result = x < kSmallest ? Vec{} : result;
  return x > kLargest ? Splat(__builtin_inf()) : result;
}

// log(x) = k ln 2 + log(1 + f), 1 + f in [sqrt(1/2), sqrt(2)), by the series in s = f / (2 + f) of FreeBSD's
// e_log.c. x must be a positive normal number.
inline Vec LogInRange(Vec x) {
  constexpr double kLn2High = 6.93147180369123816490e-01, kLn2Low = 1.90821492927058770002e-10;
  constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  // Unsigned: of an x out of range nothing is used, but it must not overflow either.
  const Unsigned bits = reinterpret_cast<Unsigned>(x);
  const Unsigned above = bits - kSqrtHalf;
  // The exponent, as a double without a conversion instruction: put it into the low bits of 2^52.
  const Unsigned biased = (above + (std::uint64_t{1023} << 52)) >> 52;
  const Vec k = reinterpret_cast<Vec>(biased | 0x4330000000000000u) - (0x1p52 + 1023.0);
  const Vec m = reinterpret_cast<Vec>(bits - (above & std::uint64_t{0xfff0000000000000}));
  const Vec f = m - 1.0;
  const Vec s = f / (f + 2.0);
  const Vec z = s * s, w = z * z;
  const Vec even =
      w * (w * (w * 1.531383769920937332e-01 + 2.222219843214978396e-01) + 3.999999999940941908e-01);
  const Vec odd =
      z * (w * (w * (w * 1.479819860511658591e-01 + 1.818357216161805012e-01) + 2.857142874366239149e-01) +
           6.666666666666735130e-01);
  const Vec half_square = 0.5 * f * f;
  return k * kLn2High - ((half_square - (s * (half_square + (even + odd)) + k * kLn2Low)) - f);
}

// log(x). Subnormal x counts as 0, like the results of Exp.
inline Vec Log(Vec x) {
  constexpr double kSmallestNormal = 0x1p-1022;
  const Bits ordinary = (x >= kSmallestNormal) & (x < __builtin_inf());
  const Vec result = LogInRange(x);
  if (AllOf(ordinary)) [[likely]] {
    return result;
  }
  Vec special = x < 0.0 ? Splat(__builtin_nan("")) : x;  // infinity and NaN stay
  special = ((x >= 0.0) & (x < kSmallestNormal)) ? Splat(-__builtin_inf()) : special;
  return ordinary ? result : special;
}

}  // namespace
}  // namespace sextant::fitting::tape
