// SPDX-License-Identifier: Apache-2.0
// Columns of large studies, read before a listing asks for them.
#pragma once

#include <absl/status/status.h>

#include "storage/relational/columns/run_columns.h"
#include "storage/relational/sql/connection.h"

namespace sextant::storage::relational {

/// Reads, inside the caller's transaction, the columns that filters and orders may ask for of every study
/// that has thousands of runs, the largest first, as far as they fit and there is reason to
/// (RunColumns::PaysAhead): state, quantities, texts, labels and the tags that the study's first run has.
absl::Status ReadColumnsAhead(Connection& connection, RunColumns& columns);

}  // namespace sextant::storage::relational
