// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/importers/database/emit_run.h"
#include "clients/importers/database/foreign_database.h"
#include "clients/importers/database/mlflow.h"
#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/limits.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

struct RunRow {
  std::string id, name, status, experiment;
};

absl::StatusOr<std::vector<RunRow>> ReadRuns(ForeignDatabase* database, Emitter& emitter) {
  std::vector<RunRow> runs;
  std::int64_t deleted = 0, beyond = 0;
  const absl::Status read = database->Query(
      "SELECT r.run_uuid, r.name, r.status, e.name, r.lifecycle_stage FROM runs AS r "
      "LEFT JOIN experiments AS e ON e.experiment_id = r.experiment_id ORDER BY r.start_time, r.run_uuid",
      [&](const DatabaseRow& row) {
        if (row.Text(4) == "deleted") {
          ++deleted;
        } else if (runs.size() >= kMaxDatabaseRuns) {
          ++beyond;
        } else {
          const auto text = [&](int column) {
            return std::string(row.Text(column).substr(0, kMaxTextBytes));
          };
          runs.push_back({text(0), text(1), text(2), text(3)});
        }
        return true;
      });
  if (!read.ok()) return read;
  if (deleted > 0) emitter.Note(absl::StrCat(deleted, " deleted runs are passed over"));
  if (beyond > 0)
    emitter.Reject(0, absl::StrCat("more than ", kMaxDatabaseRuns, " runs; ", beyond, " were left out"));
  return runs;
}

absl::Status ReadOne(ForeignDatabase* database, const RunRow& row, LogRun* log) {
  SetMlflowState(row.status, log);
  if (log->run().run_id.empty()) SetRunId(row.id, &log->run());
  SetMlflowName(row.name, log);
  if (!row.experiment.empty() && IsValidUtf8(row.experiment)) log->run().tags["experiment"] = row.experiment;
  absl::Status read = database->Query(
      "SELECT key, value FROM params WHERE run_uuid = ?1", row.id, [&](const DatabaseRow& param) {
        log->SetConfig(std::string(param.Text(0)), std::string(param.Text(1)));
        return true;
      });
  if (!read.ok()) return read;
  read = database->Query("SELECT value FROM tags WHERE run_uuid = ?1 AND key = 'mlflow.runName'", row.id,
                         [&](const DatabaseRow& tag) {
                           SetMlflowName(tag.Text(0), log);
                           return true;
                         });
  if (!read.ok()) return read;
  return database->Query(
      "SELECT key, value, step, is_nan FROM metrics WHERE run_uuid = ?1 ORDER BY timestamp, step", row.id,
      [&](const DatabaseRow& metric) {
        const auto step = metric.Integer(2);
        const auto value = metric.Number(1);
        // NaN is kept as zero with a mark.
        const bool is_nan = metric.Number(3).value_or(0) != 0 || !value;
        if (step && *step >= 0) log->AddPoint(metric.Text(0), *step, is_nan ? NAN : MlflowValue(*value));
        return true;
      });
}

absl::Status ReadMlflowDatabase(const Input& input, Emitter& emitter) {
  auto database = ForeignDatabase::Open(input.path);
  if (!database.ok()) return database.status();
  const auto runs = ReadRuns(database->get(), emitter);
  if (!runs.ok()) return runs.status();
  for (const RunRow& row : *runs) {
    const absl::Status emitted =
        EmitDatabaseRun(emitter, absl::StrCat("run ", Printable(row.id).substr(0, 64), ": "),
                        [&](LogRun* log) { return ReadOne(database->get(), row, log); });
    if (!emitted.ok()) return emitted;
  }
  return absl::OkStatus();
}

Match Detect(const Sample& sample) {
  if (!sample.HasTables({"runs", "metrics", "params", "experiments"})) return {};
  return {100, "a SQLite database with MLflow's tables"};
}

}  // namespace

SEXTANT_LOG_FORMAT(mlflow_sqlite){.name = "mlflow-sqlite",
                                  .about = "MLflow's SQLite database",
                                  .detect = &Detect,
                                  .read_path = &ReadMlflowDatabase};

}  // namespace sextant::importers
