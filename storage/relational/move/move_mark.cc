// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/move/move_mark.h"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include "base/status_macros.h"

namespace sextant::storage::relational {
namespace {

#define MOVE_MARK "'move_in_progress'"  // kMoveMark

absl::StatusOr<bool> HasMark(Connection& connection) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare("SELECT 1 FROM counters WHERE name = " MOVE_MARK));
  return statement.Step();
}

}  // namespace

absl::Status MarkMove(Connection& connection) {
  ASSIGN_OR_RETURN(const bool marked, HasMark(connection));
  if (marked) return absl::OkStatus();
  ASSIGN_OR_RETURN(auto records, connection.Prepare("SELECT id FROM studies UNION ALL SELECT id FROM laws "
                                                    "UNION ALL SELECT id FROM tokens LIMIT 1"));
  ASSIGN_OR_RETURN(const bool holds, records.Step());
  if (holds) {
    return absl::FailedPreconditionError(
        absl::StrCat(connection.path(), " holds records already: move into an empty database"));
  }
  ASSIGN_OR_RETURN(auto statement, connection.Prepare("INSERT INTO counters VALUES (" MOVE_MARK ", 1)"));
  return statement.Run();
}

absl::Status UnmarkMove(Connection& connection) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare("DELETE FROM counters WHERE name = " MOVE_MARK));
  return statement.Run();
}

absl::Status RefuseHalfMoved(Connection& connection) {
  ASSIGN_OR_RETURN(const bool marked, HasMark(connection));
  if (!marked) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      connection.path(), " is being filled by `sextantd migrate`, which has not ended: run it again"));
}

}  // namespace sextant::storage::relational
