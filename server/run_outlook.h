// SPDX-License-Identifier: Apache-2.0
// A run in flight: where it stands, where it will end, and what should alarm whoever pays for it.
#pragma once

#include <absl/status/status.h>

#include "server/core.h"
#include "sextant/v1/forecast_service.pb.h"

namespace sextant::server {

/// INVALID_ARGUMENT with every wrong field.
absl::Status CheckWatchRequest(const v1::WatchRunRequest& request);

/// Reads the run, its curve, its peers and the forecast that it is held against, and computes. Call from a
/// heavy thread. A curve that cannot tell yet is no error: `waiting` says why. NOT_FOUND.
///
/// Alerts: "diverged" for a loss that is not finite at the end of the curve, or far above its own minimum
/// (fitting/curve/curve.h); "left-band" when the expected end lies outside the interval of the forecast that
/// was named; "worse-than-stopping" when the expected end lies above the least smoothed loss so far by more
/// than its points scatter: the best checkpoint there is would be kept anyway.
absl::Status MakeOutlook(const Core& core, const v1::WatchRunRequest& request, v1::RunOutlook& outlook);

}  // namespace sextant::server
