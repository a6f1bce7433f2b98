// SPDX-License-Identifier: Apache-2.0
// The work of FitService.CompareFits.
#pragma once

#include <absl/status/status.h>

#include "server/core.h"
#include "sextant/v1/fit_service.pb.h"

namespace sextant::server {

/// Blocks for as long as the fits take.
absl::Status CompareFits(Core& core, const v1::CompareFitsRequest& request,
                         v1::CompareFitsResponse& response);

}  // namespace sextant::server
