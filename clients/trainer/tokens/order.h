// SPDX-License-Identifier: Apache-2.0
// The order in which training windows are visited: a keyed permutation, computed and never stored.
#pragma once

#include <cstdint>

#include "clients/trainer/model/host_device.h"
#include "clients/trainer/model/random.h"

namespace sextant::trainer {

// The window seen at `position` (from 0) of the stream of `seed`. Every epoch of `windows` positions is
// another permutation of 0 .. windows-1: a four-round Feistel network over the next even number of bits,
// walked until it lands inside (Black and Rogaway 2002). It does not depend on batch size or model: runs that
// share a seed see the same tokens in the same order.
SEXTANT_HOST_DEVICE inline int64_t WindowAt(uint64_t seed, int64_t windows, int64_t position) {
  const uint64_t key = Mix64(seed ^ Mix64(static_cast<uint64_t>(position / windows)));
  int half_bits = 1;
  while ((uint64_t{1} << (2 * half_bits)) < static_cast<uint64_t>(windows)) ++half_bits;
  const uint64_t mask = (uint64_t{1} << half_bits) - 1;
  auto x = static_cast<uint64_t>(position % windows);
  do {
    uint64_t left = x >> half_bits;
    uint64_t right = x & mask;
    for (uint64_t round = 0; round < 4; ++round) {
      const uint64_t next = left ^ (Mix64(key + (round << 32) + right) & mask);
      left = right;
      right = next;
    }
    x = (left << half_bits) | right;
  } while (x >= static_cast<uint64_t>(windows));
  return static_cast<int64_t>(x);
}

}  // namespace sextant::trainer
