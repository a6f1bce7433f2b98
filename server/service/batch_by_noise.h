// SPDX-License-Identifier: Apache-2.0
// A plan of batches from the noise scales of a run.
#pragma once

#include "server/core.h"
#include "sextant/v1/critical_batch_service.pb.h"

namespace sextant::server {

absl::Status PlanBatchByNormTest(Core& core, const v1::PlanBatchByNormTestRequest& request,
                                 v1::PlanBatchByNormTestResponse& response);

}  // namespace sextant::server
