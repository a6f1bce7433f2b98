// SPDX-License-Identifier: Apache-2.0
// Targets as law files spell them.
#pragma once

#include <string>
#include <vector>

#include "fitting/law/law_spec.h"

namespace sextant::fitting {

/// "learning-rate", "batch-size-tokens", …; "" for kUnspecified.
std::string TargetName(Target target);
/// kUnspecified when `name` is none of TargetNames().
Target TargetFromName(const std::string& name);
std::vector<std::string> TargetNames();

}  // namespace sextant::fitting
