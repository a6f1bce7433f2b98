// SPDX-License-Identifier: Apache-2.0
// The finished runs of a study as comparisons and noise models read them.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "fitting/comparison/recipe_cells.h"
#include "storage/snapshot.h"

namespace sextant::server {

struct RecipeRuns {
  std::vector<fitting::comparison::RecipeRun> runs;
  std::size_t left_out = 0;  ///< that have not finished, or lack N, D or a loss
};

/// Runs of `study` that meet `where`. Throughput is the tag `tokens_per_second`, where it is a positive
/// number. ResourceExhausted for more than 100 000 runs.
absl::StatusOr<RecipeRuns> LoadRecipeRuns(storage::Snapshot& snapshot, const storage::Study& study,
                                          const std::vector<storage::Condition>& where);

}  // namespace sextant::server
