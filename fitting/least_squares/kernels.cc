// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/kernels.h"

namespace sextant::fitting::solve {

void AccumulateSse2(const AccumulateInput&, AccumulateOutput*);
#if defined(__x86_64__)
void AccumulateAvx2(const AccumulateInput&, AccumulateOutput*);
void AccumulateAvx512(const AccumulateInput&, AccumulateOutput*);
#endif

namespace {

struct Level {
  AccumulateFunction function;
  const char* name;
};

Level Choose() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
    return {AccumulateAvx512, "avx512"};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {AccumulateAvx2, "avx2"};
#endif
  return {AccumulateSse2, "sse2"};
}

const Level& Chosen() {
  static const Level level = Choose();
  return level;
}

}  // namespace

AccumulateFunction Accumulate() { return Chosen().function; }
const char* AccumulateLevel() { return Chosen().name; }

}  // namespace sextant::fitting::solve
