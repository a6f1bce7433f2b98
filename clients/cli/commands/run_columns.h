// SPDX-License-Identifier: Apache-2.0
// Columns of runs and curves.
#pragma once

#include <string>
#include <vector>

#include "clients/cli/output/records.h"

namespace sextant::cli {

std::vector<RecordColumn> RunColumns();
/// With what the study declares, behind the quantities.
std::vector<RecordColumn> RunColumns(const std::vector<std::string>& declared);

}  // namespace sextant::cli
