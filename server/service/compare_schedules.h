// SPDX-License-Identifier: Apache-2.0
// Schedules side by side by one law of the loss, and the best end of a constant rate.
#pragma once

#include "server/core.h"
#include "sextant/v1/curve_service.pb.h"

namespace sextant::server {

absl::Status CompareSchedules(Core& core, const v1::CompareSchedulesRequest& request,
                              v1::CompareSchedulesResponse& response);

}  // namespace sextant::server
