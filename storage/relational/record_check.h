// SPDX-License-Identifier: Apache-2.0
// Whether what a database holds belongs together, as far as SQL and the codec of curves can tell.
#pragma once

#include <absl/status/status.h>

#include <string>

#include "storage/relational/sql/connection.h"

namespace sextant::storage::relational {

/// DataLoss that names the database and says to restore a backup.
absl::Status Damaged(const Connection& connection, const std::string& findings);

/// `sql` gives one row a finding; no row, or the single row "ok", is health.
absl::Status ExpectNoFinding(Connection& connection, const char* sql);

/// Totals of studies, and that every curve decodes and has the points its run says. Reads everything.
absl::Status CheckRecords(Connection& connection);

}  // namespace sextant::storage::relational
