// SPDX-License-Identifier: Apache-2.0
// Whether a backup can be restored: tried on a copy.
#pragma once

#include <string>
#include <vector>

namespace sextant::cli {

/// What was tried, and how it went.
struct DrillStep {
  std::string what, status, detail;  // status: ok, problem
};

/// Copies `file` to a temporary folder, serves the copy in this process, checks its integrity and reads every
/// study, run and fit of it, and of each study a curve and a prediction. `file` is not changed.
std::vector<DrillStep> DrillRestore(const std::string& file);

}  // namespace sextant::cli
