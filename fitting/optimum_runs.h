// Runs near their cell's optimum, and how well a law predicts the optima of runs it has not seen.
#pragma once

#include <absl/status/statusor.h>

#include "fitting/fit_result.h"
#include "fitting/predict.h"
#include "fitting/run_table.h"

namespace sextant::fitting {

/// Finished runs whose loss is within `band` (relative) of the best of their (N, D) cell.
absl::StatusOr<RunTable> NearOptimalRuns(const RunTable& runs, double band);

/// Scores a learning-rate or batch predictor on held-out cells: the best loss among the runs whose rate (or
/// batch) is nearest the prediction, over the cell's best. The partner is taken at its best, since one law
/// predicts one of the two.
absl::StatusOr<HoldoutScore> ScoreOptimum(const Predictor& predictor, const RunTable& holdout);

}  // namespace sextant::fitting
