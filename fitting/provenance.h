// SPDX-License-Identifier: Apache-2.0
// What a fit says of itself beside its numbers: the law, the study, the data and the options.
#pragma once

#include "fitting/fit.h"
#include "fitting/fit_result.h"
#include "fitting/run_table.h"

namespace sextant::fitting {

/// Fills `result`'s provenance, and the ranges that `runs` cover where the estimator gave none.
void SetProvenance(const LawSpec& law, const RunTable& runs, const FitRequest& request, FitResult& result);

}  // namespace sextant::fitting
