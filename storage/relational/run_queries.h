// SPDX-License-Identifier: Apache-2.0
// Reading many runs: pages for listings, columns for fits.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "fitting/run_table.h"
#include "storage/relational/columns/run_columns.h"
#include "storage/relational/sql/connection.h"
#include "storage/store.h"

namespace sextant::storage::relational {

/// What listings may use beside SQL.
struct ListingAids {
  std::shared_ptr<RunColumns> columns;  ///< nullptr: none
  /// The second listing of one state of a study that takes more steps (Connection::LimitReads) than this
  /// reads columns: one listing costs less without. 0: every listing does.
  int steps_before_columns = 0;
};

// Each as the Snapshot method of the same name says, inside the caller's transaction.
absl::StatusOr<Page<Run>> SelectRuns(Connection& connection, const RunQuery& query, const ListingAids& aids);
absl::StatusOr<fitting::RunTable> SelectRunTable(Connection& connection, const std::string& study_id,
                                                 const std::vector<Condition>& where);

}  // namespace sextant::storage::relational
