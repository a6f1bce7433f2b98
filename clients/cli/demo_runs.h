// SPDX-License-Identifier: Apache-2.0
// The calibration runs that ship (data/calibration/h100-bytes-t128/runs.csv), as they were when the program
// was built.
#pragma once

#include <string_view>

namespace sextant::cli {

std::string_view DemoRuns();

}  // namespace sextant::cli
