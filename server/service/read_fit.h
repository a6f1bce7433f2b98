// SPDX-License-Identifier: Apache-2.0
// One fit by name, wherever it is: stored, or published with the catalogue.
#pragma once

#include <absl/status/status.h>

#include <string>

#include "server/core.h"
#include "sextant/v1/fit_service.pb.h"

namespace sextant::server {

/// A fit as the store has it, or as it ended when the store had no room to be told.
storage::Fit AsEnded(Core& core, storage::Fit fit);

/// Reads the store: call from a thread that may block. INVALID_ARGUMENT for a wrong name, NOT_FOUND.
absl::Status ReadFit(Core& core, const std::string& name, v1::Fit& response);

}  // namespace sextant::server
