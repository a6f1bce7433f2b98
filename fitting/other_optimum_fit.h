// Optimal weight decay and beta2: the hyperparameters that some sweeps vary beside rate and batch.
#pragma once

#include <absl/status/statusor.h>

#include "fitting/fit_result.h"
#include "fitting/law/law_spec.h"
#include "fitting/optimum/optimum_fit.h"
#include "fitting/run_table.h"

namespace sextant::fitting {

/// True for targets that FitOtherOptimum answers: weight decay and beta2.
bool IsOtherHyperparameter(Target target);

/// What a law of `target` is log-linear in: the weight decay itself, and 1 - beta2, since optimisers differ
/// by how fast the second moment forgets.
double OtherScale(Target target, double value);

/// Fits exp(log_c) times powers of `variables` to each cell's optimum of `target`, with the learning rate as
/// partner and batch (and the other of the two) at their best, by the estimators that assume nothing of rates
/// and batches: "auto" (quadratic), "quadratic", "band", "soft-band", "argmin". Runs without the
/// hyperparameter, or at zero, do not enter. Parameters come in the order log_c, exponents. `options.target`
/// is not read. NotIdentifiable (refusal.h) when the study does not vary it enough;
/// InvalidArgument for another estimator. Thread-safe.
absl::StatusOr<FitResult> FitOtherOptimum(Target target, const RunTable& runs, OptimumOptions options);

}  // namespace sextant::fitting
