// SPDX-License-Identifier: Apache-2.0
// Which laws of an optimum are log-linear, and so go to the optimum estimators.
#pragma once

#include <optional>

#include "fitting/fit.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting {

/// The log-linear form behind a law, found by evaluating it: exp(log_c) times powers of its variables, with
/// parameters in that order; for beta2, that of 1 - beta2. Nothing for any other form.
std::optional<LawVariables> LogLinearForm(const Law& law);

/// What a law of `target` is log-linear in: the weight decay itself, and 1 - beta2, since optimisers differ
/// by how fast the second moment forgets; rates and batches as they are.
double OtherScale(Target target, double value);

/// The request's options for the optimum estimators. They refer to `request`.
OptimumOptions OptimumOptionsOf(const FitRequest& request, LawVariables variables);

/// A law of an optimum in a form of its own, or with fixed parameters: fitted to the near-optimal runs.
absl::StatusOr<FitResult> FitToNearOptimalRuns(const std::shared_ptr<const Law>& law, const RunTable& runs,
                                               const FitRequest& request);

/// Gives the parameters of `result` the names that the law's author chose.
void RenameParameters(const LawSpec& law, FitResult& result);

}  // namespace sextant::fitting
