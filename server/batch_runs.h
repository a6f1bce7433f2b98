// SPDX-License-Identifier: Apache-2.0
// The runs of a study as races between batches, for critical batch sizes.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "fitting/critical_batch/from_runs.h"
#include "storage/snapshot.h"

namespace sextant::server {

/// Finished runs that meet `where` and record N, D and batch size, with their curves. Errors as for
/// LoadRunCurves.
absl::StatusOr<std::vector<fitting::BatchRun>> LoadBatchRuns(storage::Snapshot& snapshot,
                                                             const std::string& study,
                                                             const std::vector<storage::Condition>& where);

}  // namespace sextant::server
