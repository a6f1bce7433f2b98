// SPDX-License-Identifier: Apache-2.0
// Whether a result that comes from a file can be computed with.
#pragma once

#include <absl/status/status.h>

#include "fitting/fit_result.h"

namespace sextant::fitting {

/// OK when counts, sizes, names and numbers of `result` agree, so that no prediction from it reads out of
/// bounds or divides by nothing; otherwise DataLoss that says what does not. Everything that Fit returns is
/// OK.
absl::Status CheckFitResult(const FitResult& result);

}  // namespace sextant::fitting
