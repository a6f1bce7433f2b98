// SPDX-License-Identifier: Apache-2.0
// Columns of runs and curves.
#pragma once

#include <vector>

#include "clients/cli/output/records.h"

namespace sextant::cli {

std::vector<RecordColumn> RunColumns();

}  // namespace sextant::cli
