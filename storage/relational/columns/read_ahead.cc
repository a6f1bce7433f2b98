// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/columns/read_ahead.h"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/run_field_table.h"
#include "base/status_macros.h"
#include "storage/relational/rows/declared_rows.h"
#include "storage/relational/rows/study_rows.h"
#include "storage/snapshot.h"

namespace sextant::storage::relational {
namespace {

// A smaller study is scanned in a millisecond or two.
constexpr std::int64_t kMinRuns = 5000;
constexpr std::size_t kMaxTags = 8;

absl::StatusOr<std::set<ColumnName>> ColumnsToRead(Connection& connection, std::int64_t study_key) {
  std::set<ColumnName> names = {{ColumnName::Kind::kLabels, ""}};
  for (const RunField& field : kRunFields) {
    // Ids are kept anyway; of sources nearly each run has its own.
    const std::string column = field.column;
    if (column == "id" || column == "source") continue;
    names.insert({ColumnName::Kind::kField, column});
  }
  ASSIGN_OR_RETURN(const auto declared, ReadDeclared(connection, study_key));
  for (std::size_t place = 0; place < declared.size(); ++place) {
    names.insert({ColumnName::Kind::kField, DeclaredField(static_cast<int>(place))});
  }
  ASSIGN_OR_RETURN(auto statement, connection.Prepare("SELECT t.key FROM json_each((SELECT tags FROM runs "
                                                      "WHERE study_key = ? ORDER BY id LIMIT 1)) t LIMIT "
                                                      "?"));
  statement.Next(study_key).Next(static_cast<std::int64_t>(kMaxTags));
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return names;
    names.insert({ColumnName::Kind::kTag, std::string(statement.Text(0))});
  }
}

absl::StatusOr<std::vector<StudyKey>> LargeStudies(Connection& connection) {
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare(
          "SELECT study_key, run_count FROM studies WHERE run_count >= ? ORDER BY run_count DESC"));
  statement.Next(kMinRuns);
  std::vector<StudyKey> studies;
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return studies;
    studies.push_back({statement.Int(0), statement.Int(1), ParamCount::kUnspecified});
  }
}

}  // namespace

absl::Status ReadColumnsAhead(Connection& connection, RunColumns& columns) {
  ASSIGN_OR_RETURN(auto studies, LargeStudies(connection));
  std::int64_t bytes = 0;
  for (const StudyKey& study : studies) {
    ASSIGN_OR_RETURN(auto names, ColumnsToRead(connection, study.key));
    bytes += RunColumns::BytesNeeded(study, names.size());
    if (bytes > columns.limit_bytes()) return absl::OkStatus();
    ASSIGN_OR_RETURN(auto kept, columns.Find(connection, study.key, names));
    if (kept != nullptr || !columns.PaysAhead(study)) continue;
    if (auto loaded = columns.Load(connection, study, names); !loaded.ok()) return loaded.status();
  }
  return absl::OkStatus();
}

}  // namespace sextant::storage::relational
