// SPDX-License-Identifier: Apache-2.0
// Steps to a fixed goal by batch, for runs or a table.
#pragma once

#include "server/core.h"
#include "sextant/v1/critical_batch_service.pb.h"

namespace sextant::server {

absl::Status AnalyzeStepsToGoal(Core& core, const v1::AnalyzeStepsToGoalRequest& request,
                                v1::AnalyzeStepsToGoalResponse& response);

}  // namespace sextant::server
