// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: draw k of stream s is a pure function of (seed, s, k), so that replicates
// give the same numbers in any order and on any number of threads.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>

namespace sextant {

/// One stream of SplitMix64's finaliser over a Weyl counter (Steele, Lea and Flood 2014, "Fast splittable
/// pseudorandom number generators"). The standard library's distributions differ between implementations, so
/// none is used. Not thread-safe: one object per stream.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::uint64_t stream)
      : state_(Mix(seed + kWeyl) ^ Mix((stream + 1) * 0xD1342543DE82EF95ULL)) {}

  std::uint64_t Next() { return Mix(state_ += kWeyl); }

  /// Uniform on {0, ..., n - 1}, n > 0. The bias of the multiply-shift is below n / 2^64.
  std::size_t Index(std::size_t n) {
    return static_cast<std::size_t>((static_cast<unsigned __int128>(Next()) * n) >> 64);
  }

  /// Uniform on (0, 1): never an end point.
  double Uniform() { return (static_cast<double>(Next() >> 11) + 0.5) * 0x1.0p-53; }

  /// Standard normal (Box and Muller 1958). The second value is dropped: two draws of the counter per normal.
  double Normal() {
    const double radius = std::sqrt(-2.0 * std::log(Uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * Uniform());
  }

  /// Chi-squared with a whole number of degrees of freedom.
  double ChiSquared(int degrees) {
    double sum = 0;
    for (int i = 0; i < degrees; ++i) {
      const double z = Normal();
      sum += z * z;
    }
    return sum;
  }

 private:
  static constexpr std::uint64_t kWeyl = 0x9E3779B97F4A7C15ULL;

  static std::uint64_t Mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
};

}  // namespace sextant
