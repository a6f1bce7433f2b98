// SPDX-License-Identifier: Apache-2.0
// Adding, updating and removing runs with their curves.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <vector>

#include "storage/relational/rows/study_rows.h"
#include "storage/relational/sql/connection.h"
#include "storage/store.h"

namespace sextant::storage::relational {

// As Transaction::PutEncodedRuns and Transaction::DeleteRun say, inside the caller's transaction.
absl::StatusOr<std::vector<PutOutcome>> PutRuns(Connection& connection, const std::string& study_id,
                                                std::span<const EncodedRun> runs);
/// The parts of PutRuns, for an engine that adds new runs in a way of its own.
///
/// Keys of runs that were never stored, or that a rollback took back, are used again: nothing refers to them.
absl::StatusOr<std::int64_t> NextRunKey(Connection& connection);
absl::Status SetNextRunKey(Connection& connection, std::int64_t key);
/// Merges a run into the stored one of its id. Reads no more of a long stored curve than the chunks that hold
/// what is given again, or that it ends in.
absl::StatusOr<PutOutcome> UpdateRun(Connection& connection, std::int64_t study_key,
                                     const std::string& study_id, const EncodedRun& encoded,
                                     StudyTotals& totals);
/// Returns `outcomes`, and counts a change of the study's runs when one was accepted.
absl::StatusOr<std::vector<PutOutcome>> CountOutcomes(Connection& connection, std::int64_t study_key,
                                                      std::vector<PutOutcome> outcomes);

absl::Status DeleteRun(Connection& connection, const std::string& study_id, const std::string& run_id);

}  // namespace sextant::storage::relational
