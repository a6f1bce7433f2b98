// SPDX-License-Identifier: Apache-2.0
// Runs and curves by COPY.
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <vector>

#include "storage/postgres/sql/connection.h"
#include "storage/transaction.h"

namespace sextant::storage::postgres {

/// As Transaction::PutEncodedRuns says, inside the caller's transaction, which holds the writers' lock: which
/// runs are new is asked once, those are copied, and only the others are looked at one by one.
absl::StatusOr<std::vector<PutOutcome>> PutRunsInBulk(Connection& connection, const std::string& study_id,
                                                      std::span<const EncodedRun> runs);

}  // namespace sextant::storage::postgres
