// SPDX-License-Identifier: Apache-2.0
// Rows of `fits` and of the tables of their parts. Every field of a FitResult is kept exactly (but -0 reads
// as 0).
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "storage/relational/sql/connection.h"
#include "storage/store.h"

namespace sextant::storage::relational {

// Each as the Transaction method of the same name says, inside the caller's transaction.
absl::Status PutFit(Connection& connection, const Fit& fit);
absl::Status DeleteFit(Connection& connection, const std::string& study_id, const std::string& fit_id);
absl::StatusOr<Fit> SelectFit(Connection& connection, const std::string& study_id, const std::string& fit_id);
absl::StatusOr<Page<Fit>> SelectFits(Connection& connection, const std::string& study_id, std::int64_t limit,
                                     const std::string& after);
absl::StatusOr<std::vector<Fit>> SelectAllFits(Connection& connection);

}  // namespace sextant::storage::relational
