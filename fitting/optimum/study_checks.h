// SPDX-License-Identifier: Apache-2.0
// Whether the runs of a table can be one study: units of the batch, sequence lengths, numbers of parameters.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "fitting/optimum/cells.h"
#include "fitting/run_table.h"

namespace sextant::fitting::optimum {

/// FailedPrecondition, with what is wrong, how many runs and what to do, when batches cannot all be in tokens
/// per step: smaller than the sequence length that is recorded; tokens = steps x batch holds for some runs
/// only (within a factor of two) and is off by 16 or more for others; or one (N, D) holds batches in two
/// groups that are a factor of 64 apart and no step of the grid is wider than a quarter of that.
absl::Status CheckBatchUnits(const RunTable& runs, const std::vector<Cell>& cells);

/// FailedPrecondition when the runs are of several schedules or optimizers, which have optima of their own:
/// names them, how many runs each has, and the filter that selects one. Runs that record neither count as
/// any. Likewise when cells hold runs of several sequence lengths: their losses cannot be compared.
absl::Status CheckOneRecipe(const RunTable& runs, const std::vector<Cell>& cells);

/// Warnings about what is fitted as one study though it may not be one: several sequence lengths; cells whose
/// N differ by less than 3 % and are told apart.
std::vector<std::string> StudyWarnings(const RunTable& runs, const std::vector<Cell>& cells);

}  // namespace sextant::fitting::optimum
