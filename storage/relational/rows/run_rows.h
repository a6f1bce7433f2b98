// SPDX-License-Identifier: Apache-2.0
// Rows of `runs`: one run in, one run out.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

#include "base/run_field_table.h"
#include "storage/records.h"
#include "storage/relational/rows/row_sink.h"
#include "storage/relational/sql/connection.h"

namespace sextant::storage::relational {

/// The columns that ReadRun reads, over the table alias r, and how many they are.
const std::string& RunColumnList();
int RunColumnCount();

/// All columns of a row of `runs`, and what goes into them, in that order. `tags` and `labels` in their
/// stored forms; all texts outlive what becomes of the row.
const std::string& StoredRunColumns();
void WriteRun(RowSink& row, std::int64_t study_key, std::int64_t run_key, const Run& run,
              const std::string& tags, const std::string& labels, std::int64_t curve_points);

struct StoredRun {
  Run run;
  std::int64_t run_key = 0;
};

/// The current row of a query that begins with RunColumnList().
absl::StatusOr<StoredRun> ReadRun(const Statement& row, const std::string& study_id);

/// InvalidArgument for an empty or long id, or text that is not UTF-8.
absl::Status CheckRun(const Run& run);

/// Inserts; false when the id is taken. Labels are kept as those of the upload.
absl::StatusOr<bool> InsertRun(Connection& connection, std::int64_t study_key, std::int64_t run_key,
                               const Run& run, std::int64_t curve_points);
/// Replaces everything but create_time and labels of a run that exists.
absl::Status ReplaceRun(Connection& connection, std::int64_t study_key, std::int64_t run_key,
                        const Run& before, const Run& run);
/// NotFound without the run. Leaves its curve.
absl::Status RemoveRun(Connection& connection, std::int64_t study_key, const std::string& run_id);
/// NotFound without the run.
absl::StatusOr<StoredRun> SelectRun(Connection& connection, std::int64_t study_key,
                                    const std::string& study_id, const std::string& run_id);

}  // namespace sextant::storage::relational
