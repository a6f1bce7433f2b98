// SPDX-License-Identifier: Apache-2.0
// The runs of a study as laws of compute-optimal sizes read them.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "fitting/allocation/allocation_run.h"
#include "storage/snapshot.h"

namespace sextant::server {

/// Finished runs that meet `where` and record N, D and a loss, with their curves: the validation loss where
/// it is recorded, else the training loss. `unfinished_too` takes RUNNING ones as well. RESOURCE_EXHAUSTED
/// beyond 20 000 runs.
absl::StatusOr<std::vector<fitting::AllocationRun>> LoadAllocationRuns(
    storage::Snapshot& snapshot, const std::string& study, const std::vector<storage::Condition>& where,
    bool unfinished_too);

}  // namespace sextant::server
