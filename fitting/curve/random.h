// Deterministic random numbers: every replicate takes its own stream, so that results do not depend on which
// thread ran it.
#ifndef SEXTANT_FITTING_CURVE_RANDOM_H_
#define SEXTANT_FITTING_CURVE_RANDOM_H_

#include <cmath>
#include <cstdint>
#include <numbers>

namespace sextant::fitting {

// SplitMix64 (Steele, Lea, Flood 2014). Not thread-safe: one object a stream.
class RandomStream {
 public:
  RandomStream(uint64_t seed, uint64_t stream)
      : state_(Mix(seed ^ 0x5851f42d4c957f2dULL) + Mix(stream + 1)) {}

  uint64_t Next() { return Mix(state_ += 0x9e3779b97f4a7c15ULL); }
  // In (0, 1).
  double Uniform() { return (static_cast<double>(Next() >> 11) + 0.5) * 0x1p-53; }
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  // Standard normal, Box-Muller; the second value is discarded to keep the stream position simple.
  double Normal() {
    const double radius = std::sqrt(-2.0 * std::log(Uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * Uniform());
  }
  // Chi-squared with a whole number of degrees of freedom.
  double ChiSquared(int degrees) {
    double sum = 0;
    for (int i = 0; i < degrees; ++i) {
      const double z = Normal();
      sum += z * z;
    }
    return sum;
  }

 private:
  static uint64_t Mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  uint64_t state_;
};

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_RANDOM_H_
