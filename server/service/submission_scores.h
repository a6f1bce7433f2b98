// SPDX-License-Identifier: Apache-2.0
// Scores over workloads, of a table.
#pragma once

#include "server/core.h"
#include "sextant/v1/critical_batch_service.pb.h"

namespace sextant::server {

absl::Status ScoreSubmissions(const v1::ScoreSubmissionsRequest& request,
                              v1::ScoreSubmissionsResponse& response);

}  // namespace sextant::server
