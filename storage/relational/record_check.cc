// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/record_check.h"

#include <absl/strings/str_cat.h>

#include "base/status_macros.h"
#include "storage/relational/rows/curve_rows.h"

namespace sextant::storage::relational {
namespace {

absl::Status CheckCurves(Connection& connection) {
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare(
          "SELECT s.id, r.id, r.run_key, r.curve_points FROM runs r JOIN studies s USING (study_key)"));
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return absl::OkStatus();
    auto curve = ReadCurve(connection, statement.Int(2), statement.Int(3));
    if (!curve.ok()) {
      return Damaged(connection, absl::StrCat("run '", std::string(statement.Text(1)), "' of study '",
                                              std::string(statement.Text(0)),
                                              "': ", std::string(curve.status().message())));
    }
  }
}

}  // namespace

absl::Status Damaged(const Connection& connection, const std::string& findings) {
  return absl::DataLossError(
      absl::StrCat(connection.path(), " is damaged: ", findings, ". Restore a backup."));
}

absl::Status ExpectNoFinding(Connection& connection, const char* sql) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare(sql));
  std::string findings;
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) break;
    const std::string text(statement.Text(0));
    if (text != "ok") absl::StrAppend(&findings, findings.empty() ? "" : "; ", text);
  }
  return findings.empty() ? absl::OkStatus() : Damaged(connection, findings);
}

absl::Status CheckRecords(Connection& connection) {
  absl::Status status = ExpectNoFinding(
      connection,
      "SELECT 'the totals of study ' || s.id || ' are wrong' FROM studies s WHERE "
      "s.run_count <> (SELECT count(*) FROM runs r WHERE r.study_key = s.study_key) OR "
      "s.fit_count <> (SELECT count(*) FROM fits f WHERE f.study_key = s.study_key) OR "
      "s.forecast_count <> (SELECT count(*) FROM forecasts f WHERE f.study_key = s.study_key) OR "
      "s.point_count <> (SELECT coalesce(sum(curve_points), 0) FROM runs r WHERE r.study_key = s.study_key)");
  return status.ok() ? CheckCurves(connection) : status;
}

}  // namespace sextant::storage::relational
