// SPDX-License-Identifier: Apache-2.0
// A synthetic study shaped like Shallue et al. (2019): 168 160 runs with 71 638 836 points.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/store.h"

namespace sextant::storage {

inline constexpr std::int64_t kShallueRuns = 168'160;
inline constexpr std::int64_t kShalluePoints = 71'638'836;

/// Run `index` of a study of `runs` runs with `points` points in all: lengths within 1 of their mean, integer
/// tokens, float32 losses on a power law with Gaussian noise of sd 0.01, three tags. Depends on the arguments
/// alone.
RunWithCurve ShallueRun(const std::string& study_id, std::int64_t index, std::int64_t runs,
                        std::int64_t points);

/// What a study declares that has `count` variables, and the values of its run `index`.
std::vector<DeclaredColumn> BenchVariables(int count);
std::vector<double> BenchValues(int count, std::int64_t index);

}  // namespace sextant::storage
