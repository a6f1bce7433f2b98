// Laws of the critical batch fitted to a study: measured cell by cell, then against N, D or the loss.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fitting/critical_batch/from_runs.h"
#include "fitting/fit.h"

namespace sextant::fitting {

/// What FitRequest::estimator may be for such laws: "auto" and the definitions.
const std::vector<std::string>& CriticalBatchEstimatorNames();

/// Fits `law` (in N, D, C or L) to the critical batches of `runs`, by the definition that `request.estimator`
/// names, each cell weighing by its reading errors where those are known. `B_star * L^(-1/alpha)` by the
/// hyperbola or the noise scale is fitted to all targets of all curves at once. Intervals: cells scatter
/// about the law by what its residuals and reading errors say (parametric noise). `table` is the same runs as
/// a table, for the digest and the ranges.
/// NotIdentifiable (refusal.h) when too few cells have a critical batch, with the
/// reasons; InvalidArgument for options or a variable that critical batches do not have. Thread-safe.
absl::StatusOr<FitResult> FitCriticalBatch(const std::shared_ptr<const Law>& law,
                                           std::span<const BatchRun> runs, const RunTable& table,
                                           const FitRequest& request);

}  // namespace sextant::fitting
