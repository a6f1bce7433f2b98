// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/rows/run_rows.h"

#include <absl/strings/str_cat.h>

#include <array>

#include "base/declared_name.h"
#include "base/status_macros.h"
#include "storage/relational/rows/declared_rows.h"
#include "storage/relational/rows/run_labels.h"
#include "storage/relational/sql/json_text.h"

namespace sextant::storage::relational {
namespace {

constexpr std::size_t kMaxIdBytes = 200;

// The columns around the quantities, in the order of ReadRun and Insert.
constexpr std::array kFirst = {"id", "run_key", "state"};
constexpr std::array kLast = {"seed",   "schedule",    "optimizer",   "tags",         "labels",
                              "source", "create_time", "update_time", "curve_points", "declared"};

std::string ColumnList(const char* prefix) {
  std::string list;
  const auto add = [&](const char* column) {
    absl::StrAppend(&list, list.empty() ? "" : ", ", prefix, column);
  };
  for (const char* column : kFirst) add(column);
  for (const RunQuantity& quantity : kRunQuantities) add(quantity.column);
  for (const char* column : kLast) add(column);
  return list;
}

// Texts of statements are made once and stay where they are: Connection::Prepare keeps statements by address.
const std::string& InsertSql() {
  static const auto* sql = [] {
    std::string values;
    for (int column = 0; column < RunColumnCount(); ++column) values += ", ?";
    return new std::string(absl::StrCat("INSERT INTO runs (", StoredRunColumns(), ") VALUES (?", values,
                                        ") ON CONFLICT DO NOTHING"));
  }();
  return *sql;
}

const std::string& SelectSql() {
  static const auto* sql = new std::string(
      absl::StrCat("SELECT ", RunColumnList(), " FROM runs r WHERE r.study_key = ? AND r.id = ?"));
  return *sql;
}

absl::Status NoRun(const std::string& run_id) {
  return absl::NotFoundError(absl::StrCat("no run '", run_id, "'"));
}

absl::StatusOr<bool> Insert(Connection& connection, std::int64_t study_key, std::int64_t run_key,
                            const Run& run, const std::string& labels, std::int64_t curve_points) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare(InsertSql().c_str()));
  const std::string tags = ToJson(run.tags);
  StatementSink sink(statement);
  WriteRun(sink, study_key, run_key, run, tags, labels, curve_points);
  RETURN_IF_ERROR(statement.Run());
  return connection.changes() == 1;
}

}  // namespace

const std::string& RunColumnList() {
  static const auto* list = new std::string(ColumnList("r."));
  return *list;
}

const std::string& StoredRunColumns() {
  static const auto* list = new std::string(absl::StrCat("study_key, ", ColumnList("")));
  return *list;
}

void WriteRun(RowSink& row, std::int64_t study_key, std::int64_t run_key, const Run& run,
              const std::string& tags, const std::string& labels, std::int64_t curve_points) {
  row.Int(study_key);
  row.TextView(run.id);
  row.Int(run_key);
  row.Int(static_cast<std::int64_t>(run.state));
  for (const RunQuantity& quantity : kRunQuantities) row.Real(run.*quantity.value);
  if (run.seed.has_value()) {
    row.Int(*run.seed);
  } else {
    row.Null();
  }
  for (const std::string* text : {&run.schedule, &run.optimizer, &tags, &labels, &run.source})
    row.TextView(*text);
  for (const std::int64_t number : {run.create_time, run.update_time, curve_points}) row.Int(number);
  row.Reals(KnownValues(run.values));
}

int RunColumnCount() { return static_cast<int>(kFirst.size() + kRunQuantities.size() + kLast.size()); }

absl::StatusOr<StoredRun> ReadRun(const Statement& row, const std::string& study_id) {
  StoredRun stored;
  Run& run = stored.run;
  run.study_id = study_id;
  run.id = row.Text(0);
  stored.run_key = row.Int(1);
  run.state = static_cast<fitting::RunState>(row.Int(2));
  int column = 3;
  for (const RunQuantity& quantity : kRunQuantities) run.*quantity.value = row.Real(column++);
  if (!row.IsNull(column)) run.seed = row.Int(column);
  ++column;
  run.schedule = row.Text(column++);
  run.optimizer = row.Text(column++);
  RETURN_IF_ERROR(FromJson(row.Text(column++), run.tags));
  RETURN_IF_ERROR(ReadLabels(row.Text(column++), run.labels));
  run.source = row.Text(column++);
  run.create_time = row.Int(column++);
  run.update_time = row.Int(column++);
  run.curve_points = row.Int(column++);
  row.Reals(column, run.values);
  return stored;
}

absl::Status CheckRun(const Run& run) {
  if (run.id.empty() || run.id.size() > kMaxIdBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a run id has 1 to ", kMaxIdBytes, " bytes; this one has ", run.id.size()));
  }
  if (run.values.size() > kMaxDeclared) {
    return absl::InvalidArgumentError(absl::StrCat("a run has at most ", kMaxDeclared, " declared values"));
  }
  absl::Status status = CheckText(run.id, "the run id");
  if (status.ok()) status = CheckText(run.schedule, "the schedule");
  if (status.ok()) status = CheckText(run.optimizer, "the optimizer");
  if (status.ok()) status = CheckText(run.source, "the source");
  for (const auto& [key, value] : run.tags) {
    if (status.ok()) status = CheckText(key, "a tag's key");
    if (status.ok()) status = CheckText(value, "a tag's value");
  }
  for (const std::string& label : run.labels) {
    if (status.ok()) status = CheckText(label, "a label");
  }
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat("run '", run.id, "': ", std::string(status.message())));
}

absl::StatusOr<bool> InsertRun(Connection& connection, std::int64_t study_key, std::int64_t run_key,
                               const Run& run, std::int64_t curve_points) {
  return Insert(connection, study_key, run_key, run, UploadedLabels(run.labels), curve_points);
}

absl::Status ReplaceRun(Connection& connection, std::int64_t study_key, std::int64_t run_key,
                        const Run& before, const Run& run) {
  ASSIGN_OR_RETURN(auto labels, StoredLabels(connection, study_key, before.id));
  RETURN_IF_ERROR(RemoveRun(connection, study_key, before.id));
  Run kept = run;
  kept.create_time = before.create_time;
  return Insert(connection, study_key, run_key, kept, labels, run.curve_points).status();
}

absl::Status RemoveRun(Connection& connection, std::int64_t study_key, const std::string& run_id) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare("DELETE FROM runs WHERE study_key = ? AND id = ?"));
  RETURN_IF_ERROR(statement.Next(study_key).NextTextView(run_id).Run());
  return connection.changes() == 1 ? absl::OkStatus() : NoRun(run_id);
}

absl::StatusOr<StoredRun> SelectRun(Connection& connection, std::int64_t study_key,
                                    const std::string& study_id, const std::string& run_id) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare(SelectSql().c_str()));
  ASSIGN_OR_RETURN(auto row, statement.Next(study_key).Next(std::string_view(run_id)).Step());
  if (!row) return absl::NotFoundError(absl::StrCat("no run '", run_id, "' in study '", study_id, "'"));
  return ReadRun(statement, study_id);
}

}  // namespace sextant::storage::relational
