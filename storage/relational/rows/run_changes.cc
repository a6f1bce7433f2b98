// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/rows/run_changes.h"

#include <absl/strings/str_cat.h>

#include <string>

#include "base/status_macros.h"

namespace sextant::storage::relational {
namespace {

std::string ChangesName(std::int64_t study_key) { return absl::StrCat("run_changes/", study_key); }

// Counts of studies begin above this, which is above the counts of every study that was deleted.
#define DELETED_RUN_CHANGES "coalesce((SELECT value FROM counters WHERE name = 'deleted_run_changes'), 0)"

}  // namespace

absl::StatusOr<std::int64_t> RunChanges(Connection& connection, std::int64_t study_key) {
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare("SELECT coalesce((SELECT value FROM counters WHERE name = ?), " DELETED_RUN_CHANGES
                         ")"));
  const std::string name = ChangesName(study_key);
  auto row = statement.NextTextView(name).Step();
  if (!row.ok()) return row.status();
  return *row ? statement.Int(0) : 0;
}

absl::Status CountRunChange(Connection& connection, std::int64_t study_key) {
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare("INSERT INTO counters VALUES (?, 1 + " DELETED_RUN_CHANGES
                                      ") ON CONFLICT (name) DO UPDATE SET value = counters.value + 1"));
  const std::string name = ChangesName(study_key);
  return statement.NextTextView(name).Run();
}

absl::Status ForgetRunChanges(Connection& connection, std::int64_t study_key) {
  ASSIGN_OR_RETURN(auto changes, RunChanges(connection, study_key));
  ASSIGN_OR_RETURN(auto keep, connection.Prepare("INSERT INTO counters VALUES ('deleted_run_changes', ?) "
                                                 "ON CONFLICT (name) DO UPDATE SET value = excluded.value "
                                                 "WHERE counters.value < excluded.value"));
  RETURN_IF_ERROR(keep.Next(changes + 1).Run());
  ASSIGN_OR_RETURN(auto forget, connection.Prepare("DELETE FROM counters WHERE name = ?"));
  const std::string name = ChangesName(study_key);
  return forget.NextTextView(name).Run();
}

}  // namespace sextant::storage::relational
