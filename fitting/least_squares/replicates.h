// SPDX-License-Identifier: Apache-2.0
// Fits every bootstrap resample.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <vector>

#include "fitting/least_squares/polish.h"
#include "fitting/least_squares/resample.h"
#include "fitting/least_squares/starts.h"

namespace sextant::fitting::solve {

struct ReplicateFits {
  std::vector<double> walked;     ///< row-major replicates x free parameters
  std::vector<double> objective;  ///< one a replicate
  int unconverged = 0;            ///< replicates whose best polish stopped before its minimum
  int contested = 0;              ///< replicates where two starts disagreed and further ones were made
};

/// Fits `count` resamples. Each is polished from the estimate, then twice more out of the minimum found
/// through a wider loss; where one of these disagrees, six further starts decide. Laws whose fit is convex
/// need one start. The share of resamples that end at their optimum is measured by
/// tests/bench/solve_bench.cc. The answer does not depend on the number of threads.
absl::Status FitReplicates(const Evaluator& evaluator, const Objective& objective, const Resampler& resampler,
                           const std::vector<double>& estimate, bool convex, int count, const StopCheck& stop,
                           const std::function<void(int done, int total)>& progress, ReplicateFits& fits);

}  // namespace sextant::fitting::solve
