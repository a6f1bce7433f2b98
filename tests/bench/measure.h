// SPDX-License-Identifier: Apache-2.0
// Time spent, and errors that end a benchmark.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <utility>
#include <vector>

namespace sextant::storage {

[[noreturn]] inline void Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}
inline void Check(const absl::Status& status) {
  if (!status.ok()) Fail(status);
}
template <typename T>
T Take(absl::StatusOr<T> result) {
  if (!result.ok()) Fail(result.status());
  return *std::move(result);
}

inline double Clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Spent {
  double cpu = 0, wall = 0;
};
template <typename Work>
void Measure(Spent& spent, Work work) {
  const double cpu = Clock(CLOCK_THREAD_CPUTIME_ID), wall = Clock(CLOCK_MONOTONIC);
  work();
  spent.cpu += Clock(CLOCK_THREAD_CPUTIME_ID) - cpu;
  spent.wall += Clock(CLOCK_MONOTONIC) - wall;
}

// Medians of the wall and CPU time of `times` calls, in seconds.
template <typename Work>
Spent Median(std::size_t times, Work work) {
  std::vector<double> wall, cpu;
  for (std::size_t i = 0; i < times; ++i) {
    Spent one;
    Measure(one, work);
    wall.push_back(one.wall);
    cpu.push_back(one.cpu);
  }
  for (std::vector<double>* values : {&wall, &cpu}) {
    std::nth_element(values->begin(), values->begin() + static_cast<std::ptrdiff_t>(times / 2),
                     values->end());
  }
  return {cpu[times / 2], wall[times / 2]};
}

}  // namespace sextant::storage
