// Reading many runs: pages for listings, columns for fits.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "fitting/run_table.h"
#include "storage/sqlite/connection.h"
#include "storage/store.h"

namespace sextant::storage::sqlite {

// Each as the Store method of the same name says, inside the caller's transaction.
absl::StatusOr<Page<Run>> SelectRuns(Connection& connection, const RunQuery& query);
absl::StatusOr<fitting::RunTable> SelectRunTable(Connection& connection, const std::string& study_id,
                                                 const std::vector<Condition>& where);

}  // namespace sextant::storage::sqlite
