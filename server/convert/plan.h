// SPDX-License-Identifier: Apache-2.0
// Plans.
#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "fitting/plan/allocation_plan.h"
#include "fitting/plan/plan.h"
#include "sextant/v1/planning_service.pb.h"

namespace sextant::server {

/// INVALID_ARGUMENT with every violation.
absl::StatusOr<fitting::PlanRequest> PlanFromProto(const v1::PlanRequest& request);

/// Budget and constraints in words: "flops 1e+21, max_params 1e+09".
std::string ConstraintsText(const v1::PlanRequest& request);

/// N, D, the loss, what they cost, and the warnings.
void AllocationToProto(const fitting::AllocationPlan& plan, double tolerance, v1::Plan& message);

/// What else is predicted there: batch, rate and so on, with the steps that follow.
void AddRecipe(const fitting::Prediction& prediction, v1::Plan& message);

}  // namespace sextant::server
