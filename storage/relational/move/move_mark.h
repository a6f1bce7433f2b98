// SPDX-License-Identifier: Apache-2.0
// The mark on a database that is being filled from another.
#pragma once

#include <absl/status/status.h>

#include "storage/relational/sql/connection.h"

namespace sextant::storage::relational {

/// Sets the mark. FailedPrecondition when the database holds records and has none.
absl::Status MarkMove(Connection& connection);
absl::Status UnmarkMove(Connection& connection);
/// FailedPrecondition for a database with the mark: what it holds is not all.
absl::Status RefuseHalfMoved(Connection& connection);

}  // namespace sextant::storage::relational
