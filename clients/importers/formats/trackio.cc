// SPDX-License-Identifier: Apache-2.0
// Trackio's SQLite file of a project: a row per log call, its metrics as JSON.
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/importers/database/emit_run.h"
#include "clients/importers/database/foreign_database.h"
#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/inputs.h"
#include "clients/importers/log/json_rows.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/log/step_clock.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

absl::StatusOr<std::vector<std::string>> RunNames(ForeignDatabase* database, Emitter& emitter) {
  std::vector<std::string> names;
  std::int64_t beyond = 0;
  const absl::Status read = database->Query(
      "SELECT run_name FROM metrics GROUP BY run_name ORDER BY MIN(rowid)", [&](const DatabaseRow& row) {
        if (names.size() < kMaxDatabaseRuns) {
          names.emplace_back(row.Text(0).substr(0, kMaxTextBytes));
        } else {
          ++beyond;
        }
        return true;
      });
  if (!read.ok()) return read;
  if (beyond > 0)
    emitter.Reject(0, absl::StrCat("more than ", kMaxDatabaseRuns, " runs; ", beyond, " were left out"));
  return names;
}

// Trackio's own step counts log calls, as W&B's does.
void AddRow(const DatabaseRow& row, StepClock* clock, LogRun* log) {
  rapidjson::Document metrics;
  if (!ParseJson(row.Text(1), &metrics).empty() || !metrics.IsObject()) return;
  const auto step = clock->Read([&](const char* key) -> std::optional<double> {
    if (key == std::string_view(StepClock::kCalls)) return row.Number(0);
    return NumberMember(metrics, key);
  });
  if (step) AddNumbers(metrics, *step, log, [](const std::string& key) { return StepClock::IsClock(key); });
}

absl::Status ReadOne(ForeignDatabase* database, const std::string& name, bool configs, LogRun* log) {
  if (log->run().run_id.empty() && IsValidUtf8(name)) SetRunId(name, &log->run());
  if (configs) {
    const absl::Status read =
        database->Query("SELECT config FROM configs WHERE run_name = ?1", name, [&](const DatabaseRow& row) {
          rapidjson::Document config;
          if (ParseJson(row.Text(0), &config).empty()) AddSettings(config, "", log);
          return true;
        });
    if (!read.ok()) return read;
  }
  StepClock clock;
  return database->Query("SELECT step, metrics FROM metrics WHERE run_name = ?1 ORDER BY rowid", name,
                         [&](const DatabaseRow& row) {
                           AddRow(row, &clock, log);
                           return true;
                         });
}

absl::Status ReadTrackio(const Input& input, Emitter& emitter) {
  auto database = ForeignDatabase::Open(input.path);
  if (!database.ok()) return database.status();
  const auto names = RunNames(database->get(), emitter);
  if (!names.ok()) return names.status();
  const bool configs = (*database)->HasTable("configs") && (*database)->HasColumn("configs", "run_name");
  for (const std::string& name : *names) {
    const absl::Status emitted =
        EmitDatabaseRun(emitter, absl::StrCat("run ", Printable(name).substr(0, 64), ": "),
                        [&](LogRun* log) { return ReadOne(database->get(), name, configs, log); });
    if (!emitted.ok()) return emitted;
  }
  return absl::OkStatus();
}

Match Detect(const Sample& sample) {
  if (!sample.HasTables({"metrics"}) || !sample.HasTableColumns("metrics", {"run_name", "step", "metrics"}))
    return {};
  return {100, "a SQLite database with Trackio's table of metrics"};
}

}  // namespace

SEXTANT_LOG_FORMAT(trackio){.name = "trackio",
                            .about = "Trackio's SQLite database of a project",
                            .detect = &Detect,
                            .read_path = &ReadTrackio};

}  // namespace sextant::importers
