// Near-optimal band: every run close to its cell's best loss votes for the law.
#pragma once

#include "absl/status/statusor.h"
#include "fitting/optimum/cells.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting::optimum {

/// Least squares of ln target over all runs whose loss is within `options.band` (relative) of their cell's
/// best: the procedure of DeepSeek LLM (2401.02954, section 3.1) and Step Law (2503.04715), with the
/// bootstrap taken over cells and runs before the selection, so that its noise counts. With `band` = 0 only
/// each cell's best run votes (grid arg-min). `cells` must be identifiable; fills everything but the run
/// counts and ranges.
absl::StatusOr<OptimumFit> FitBand(const std::vector<Cell>& cells, const OptimumOptions& options,
                                   double band);

}  // namespace sextant::fitting::optimum
