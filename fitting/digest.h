// SPDX-License-Identifier: Apache-2.0
// A digest of the data that entered a fit: two fits with one digest saw the same numbers.
#pragma once

#include <string>

#include "fitting/data_columns.h"
#include "fitting/run_table.h"

namespace sextant::fitting {

/// Lower-case hexadecimal SHA-256 over every column of every run, in the table's order.
std::string DataDigest(const RunTable& runs);
/// The same of columns.
std::string DataDigest(const DataColumns& table);

}  // namespace sextant::fitting
