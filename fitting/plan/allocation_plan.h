// SPDX-License-Identifier: Apache-2.0
// Plans on laws of the compute-optimal N and D: a budget gives both without a loss law.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "fitting/plan/plan.h"

namespace sextant::fitting {

/// A law of C alone with its parameters and replicates (row-major, may be empty).
struct ComputeLaw {
  std::string source;  ///< fit name or law id
  std::shared_ptr<const Law> law;
  std::vector<double> parameters, replicates;
  Range fitted;  ///< of C
};

/// N*(C), D*(C) or both; at least one. Replicates of both are paired where there are equally many.
struct ComputeOptimalLaws {
  std::optional<ComputeLaw> params, tokens;
};

/// FailedPrecondition for a law of other variables than C.
absl::StatusOr<ComputeLaw> MakeComputeLaw(std::string source, std::shared_ptr<const Law> law,
                                          std::vector<double> parameters, std::vector<double> replicates,
                                          Range fitted);

/// As PlanAllocation, but without a loss (NaN), valley and frontier. Of the two laws a missing one follows
/// from C = k N D, where C is counted so. FailedPrecondition, naming the constraint, for what needs a loss
/// law: target_loss, unique_tokens, inference_tokens, two of flops, params and tokens.
absl::StatusOr<AllocationPlan> PlanOnAllocation(const ComputeOptimalLaws& laws, const PlanRequest& request);

}  // namespace sextant::fitting
