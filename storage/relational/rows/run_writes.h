// SPDX-License-Identifier: Apache-2.0
// Adding, updating and removing runs with their curves.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <vector>

#include "storage/relational/sql/connection.h"
#include "storage/store.h"

namespace sextant::storage::relational {

// As Transaction::PutEncodedRuns and Transaction::DeleteRun say, inside the caller's transaction.
absl::StatusOr<std::vector<PutOutcome>> PutRuns(Connection& connection, const std::string& study_id,
                                                std::span<const EncodedRun> runs);
absl::Status DeleteRun(Connection& connection, const std::string& study_id, const std::string& run_id);

}  // namespace sextant::storage::relational
