// SPDX-License-Identifier: Apache-2.0
// The runs of a study as races between batches, for critical batch sizes.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "fitting/critical_batch/from_runs.h"
#include "storage/snapshot.h"

namespace sextant::server {

/// Finished runs that meet `where` and record N, D and batch size, with their curves and the group that
/// `group_names` (GroupNames) put them in. Errors as for LoadRunCurves.
absl::StatusOr<std::vector<fitting::BatchRun>> LoadBatchRuns(storage::Snapshot& snapshot,
                                                             const std::string& study,
                                                             const std::vector<storage::Condition>& where,
                                                             const std::vector<std::string>& group_names);

/// FailedPrecondition where runs are of several groups: one law is not fitted to all of them.
absl::Status CheckOneGroup(const std::vector<fitting::BatchRun>& runs);

}  // namespace sextant::server
