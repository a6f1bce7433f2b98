// SPDX-License-Identifier: Apache-2.0
// The ways to fit a law, one entry each: what Fit, NeedsOf and ValidateFitRequest read. Internal to fitting.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fitting/fit.h"
#include "fitting/least_squares/fit_law.h"

namespace sextant::fitting {

struct FitFamily {
  /// Whether laws like this one are fitted so. The first family of the table that answers takes the law.
  bool (*answers)(const LawSpec& law);
  FitNeeds needs;
  /// Names that FitRequest::estimator may have, "auto" first; empty: laws of this family have one way, and
  /// ignore it.
  const std::vector<std::string>& (*estimators)();
  /// Whether its laws take these options; monostate is not asked for.
  bool (*takes)(const KindOptions& options);
  /// Why no hold-out can be scored; "" when it can.
  std::string (*why_no_holdout)(const LawSpec& law);
  /// Options are valid. Sets everything but the provenance.
  absl::StatusOr<FitResult> (*fit)(const std::shared_ptr<const Law>& law, const FitInput& input,
                                   const FitRequest& request);
  /// Scores a result, its provenance set, on a hold-out that is not empty.
  absl::Status (*score)(const std::shared_ptr<const Law>& law, const RunTable& holdout, FitResult& result);
};

extern const FitFamily kAllocationFamily, kCriticalBatchFamily, kOtherOptimumFamily, kOptimumFamily,
    kScheduleFamily, kTrajectoryFamily, kLossAverageFamily, kLossFamily, kLeastSquaresFamily;

/// The least-squares family answers every law.
const FitFamily& FamilyOf(const LawSpec& law);

/// Whether laws of any family have an estimator of this name. "least-squares" is what the others report.
bool IsEstimator(const std::string& name);

/// When a request's time is over.
absl::Time DeadlineOf(const FitRequest& request);

/// The request's loss, seed, replicates, fixed parameters and limits.
absl::StatusOr<SolveOptions> SolveOptionsOf(const FitRequest& request);
/// Least squares on the rows of a table, whatever the law predicts: each is an observation of it.
absl::StatusOr<FitResult> FitToTable(const std::shared_ptr<const Law>& law, const DataColumns& table,
                                     const FitRequest& request);

/// Least squares on `runs` as they are, by the request's loss, seed, replicates and fixed parameters.
absl::StatusOr<FitResult> FitByLeastSquares(const std::shared_ptr<const Law>& law, const RunTable& runs,
                                            const FitRequest& request);

}  // namespace sextant::fitting
