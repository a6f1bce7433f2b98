// One fit by name, wherever it is: stored, or published with the catalogue.
#pragma once

#include <absl/status/status.h>

#include <string>

#include "server/core.h"
#include "sextant/v1/fit_service.pb.h"

namespace sextant::server {

/// Reads the store: call from a thread that may block. INVALID_ARGUMENT for a wrong name, NOT_FOUND.
absl::Status ReadFit(Core& core, const std::string& name, v1::Fit& response);

}  // namespace sextant::server
