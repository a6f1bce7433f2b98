// SPDX-License-Identifier: Apache-2.0
// The runs near their cell's optimum.
#pragma once

#include <absl/status/statusor.h>

#include "fitting/run_table.h"

namespace sextant::fitting {

/// Relative; N and D closer than this are one cell, as OptimumOptions::grouping_tolerance has it.
inline constexpr double kGroupingTolerance = 0.003;

/// Finished runs whose loss is within `band` (relative) of the best of their (N, D) cell.
absl::StatusOr<RunTable> NearOptimalRuns(const RunTable& runs, double band);

}  // namespace sextant::fitting
