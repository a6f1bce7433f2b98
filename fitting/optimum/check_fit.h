// Whether a fit that was read from somewhere can be computed with.
#pragma once

#include <absl/status/status.h>

#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting {

/// DataLoss says what does not hold together: counts of parameters and replicates, a target or law that there
/// is not, estimates that are no numbers. Everything that predicts from a fit relies on what is checked here.
absl::Status CheckOptimumFit(const OptimumFit& fit);

}  // namespace sextant::fitting
