// SPDX-License-Identifier: Apache-2.0
// Shared by plans on loss laws and on allocation laws. Internal to fitting/plan.
#pragma once

#include <vector>

#include "fitting/plan/plan.h"

namespace sextant::fitting::plan {

/// `value` with percentiles, where at least half of `asked` replicates have an answer.
Quantity WithInterval(double value, std::vector<double>& replicates, double interval, std::size_t asked);

/// Gpus and days as FLOPs.
PlanRequest WithFlops(PlanRequest request);

/// FLOPs of inference, GPU hours and days, epochs, from plan.flops, params and tokens.
void AddCosts(const PlanRequest& request, bool law_has_unique_tokens, AllocationPlan& plan);

/// The warning of a plan that lies far beyond what its law was fitted on.
void WarnBeyond(double farthest, const std::string& what, AllocationPlan& plan);

}  // namespace sextant::fitting::plan
