// SPDX-License-Identifier: Apache-2.0
// The last check before a run leaves the importers.
#pragma once

#include <string>

#include "clients/importers/run_record.h"

namespace sextant::importers {

/// Settles state and identity and checks what every run must have. Returns what is wrong, or empty.
/// `required_params` names the parameter count that the study's laws use, or is empty: any one will do.
/// A loss that is not finite makes the run diverged, whatever its source calls it.
std::string FinishRun(const std::string& required_params, ImportedRun* run, bool needs_scale = true);

}  // namespace sextant::importers
