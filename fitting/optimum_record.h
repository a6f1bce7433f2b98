// An optimum fit as a stored fit result, and back: a stored copy predicts what the original did.
#pragma once

#include <absl/status/statusor.h>

#include "fitting/fit_result.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting {

/// Fills `result` from `fit`: parameters of the law with intervals, diagnostics, ranges, and the whole model.
void OptimumToResult(const OptimumFit& fit, FitResult& result);

/// The fit inside `result`. DataLoss if it holds no complete one.
absl::StatusOr<OptimumFit> OptimumFromResult(const FitResult& result);

/// True if `result` holds an optimum fit.
bool HoldsOptimum(const FitResult& result);

}  // namespace sextant::fitting
