// SPDX-License-Identifier: Apache-2.0
// Trackio's SQLite file of a project: a row per log call, its metrics as JSON.
#include <memory>
#include <set>
#include <utility>
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

// A run has its name; since run ids came in, another run may have the same one. Rows from before have none.
constexpr char kById[] = "coalesce(run_id, run_name)";
constexpr char kByName[] = "run_name";
constexpr std::size_t kIdShown = 8;  // characters

struct TrackedRun {
  std::string key;   // what its rows are found by
  std::string name;  // unlike that of every other
};

// Which expression tells the runs of a table apart.
const char* KeyOf(ForeignDatabase* database, const char* table) {
  return database->HasColumn(table, "run_id") ? kById : kByName;
}

absl::StatusOr<std::vector<TrackedRun>> Runs(ForeignDatabase* database, Emitter& emitter) {
  std::vector<TrackedRun> names;
  std::set<std::string> taken;
  std::int64_t beyond = 0;
  const std::string key = KeyOf(database, "metrics");
  const absl::Status read = database->Query(
      absl::StrCat("SELECT ", key, ", max(run_name) FROM metrics GROUP BY 1 ORDER BY MIN(rowid)"),
      [&](const DatabaseRow& row) {
        if (names.size() < kMaxDatabaseRuns) {
          TrackedRun run{std::string(row.Text(0).substr(0, kMaxTextBytes)),
                         std::string(row.Text(1).substr(0, kMaxTextBytes))};
          if (!taken.insert(run.name).second) run.name += "-" + run.key.substr(0, kIdShown);
          names.push_back(std::move(run));
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

absl::Status ReadOne(ForeignDatabase* database, const TrackedRun& run, bool configs, LogRun* log) {
  if (log->run().run_id.empty() && IsValidUtf8(run.name)) SetRunId(run.name, &log->run());
  if (configs) {
    const absl::Status read = database->Query(
        absl::StrCat("SELECT config FROM configs WHERE ", KeyOf(database, "configs"), " = ?1"), run.key,
        [&](const DatabaseRow& row) {
          rapidjson::Document config;
          if (ParseJson(row.Text(0), &config).empty()) AddSettings(config, "", log);
          return true;
        });
    if (!read.ok()) return read;
  }
  StepClock clock;
  return database->Query(absl::StrCat("SELECT step, metrics FROM metrics WHERE ", KeyOf(database, "metrics"),
                                      " = ?1 ORDER BY rowid"),
                         run.key, [&](const DatabaseRow& row) {
                           AddRow(row, &clock, log);
                           return true;
                         });
}

absl::Status ReadTrackio(const Input& input, Emitter& emitter) {
  auto database = ForeignDatabase::Open(input.path);
  if (!database.ok()) return database.status();
  const auto runs = Runs(database->get(), emitter);
  if (!runs.ok()) return runs.status();
  const bool configs = (*database)->HasTable("configs") && (*database)->HasColumn("configs", "run_name");
  for (const TrackedRun& run : *runs) {
    const absl::Status emitted =
        EmitDatabaseRun(emitter, absl::StrCat("run ", Printable(run.name).substr(0, 64), ": "),
                        [&](LogRun* log) { return ReadOne(database->get(), run, configs, log); });
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
