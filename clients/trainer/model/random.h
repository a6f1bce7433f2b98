// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: a pure function of (seed, index), so that any thread may draw any element.
#pragma once

#include <cmath>
#include <cstdint>

#include "clients/trainer/model/host_device.h"

namespace sextant::trainer {

// SplitMix64's output function (Steele, Lea and Flood 2014).
SEXTANT_HOST_DEVICE inline uint64_t Mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// A standard normal deviate (Box and Muller 1958). Host and device agree to float rounding.
SEXTANT_HOST_DEVICE inline float NormalAt(uint64_t seed, uint64_t index) {
  const uint64_t bits = Mix64(Mix64(seed) ^ index);
  const float u = (static_cast<float>(bits >> 40) + 0.5F) * (1.0F / 16777216.0F);
  const float v = static_cast<float>((bits >> 8) & 0xffffff) * (1.0F / 16777216.0F);
  return sqrtf(-2.0F * logf(u)) * cosf(6.2831853F * v);
}

}  // namespace sextant::trainer
