// SPDX-License-Identifier: Apache-2.0
// Laws of trajectories both ways, for a fit or a law.
#pragma once

#include "server/core.h"
#include "sextant/v1/critical_batch_service.pb.h"

namespace sextant::server {

absl::Status AnswerTrajectory(Core& core, const v1::AnswerTrajectoryRequest& request,
                              v1::AnswerTrajectoryResponse& response);

}  // namespace sextant::server
