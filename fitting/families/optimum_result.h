// SPDX-License-Identifier: Apache-2.0
// An optimum fit as the result of a fit.
#pragma once

#include "fitting/fit_result.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting {

/// Fills `result` from `fit`: the report (parameters of the law with intervals, diagnostics, ranges), the
/// replicates of the law's parameters, and the whole model.
void OptimumToResult(const OptimumFit& fit, FitResult& result);

}  // namespace sextant::fitting
