// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/importers/database/emit_run.h"
#include "clients/importers/database/foreign_database.h"
#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/json.h"
#include "clients/importers/limits.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

// What the metric table and --metric call the values that a trial reports on its way.
constexpr char kIntermediate[] = "intermediate_value";

struct Trial {
  std::string id, study, state;
  std::int64_t number = 0;
  bool minimized = true;
};

// A parameter's value: of categories only the index is kept, beside the list.
std::string ParamText(double value, std::string_view distribution) {
  rapidjson::Document document;
  if (!ParseJson(distribution, &document).empty()) return FormatRoundTrip(value);
  const rapidjson::Value* choices = FindPath(document, "attributes.choices");
  if (choices == nullptr || !choices->IsArray()) return FormatRoundTrip(value);
  if (!(value >= 0 && value < choices->Size())) return {};
  const rapidjson::Value& choice = (*choices)[static_cast<rapidjson::SizeType>(value)];
  if (choice.IsString()) return std::string(JsonText(choice));
  if (const auto number = JsonNumber(choice)) return FormatRoundTrip(*number);
  return choice.IsBool() ? (choice.GetBool() ? "true" : "false") : "";
}

double TypedValue(const std::optional<double>& value, std::string_view type) {
  if (type == "INF_POS") return INFINITY;
  if (type == "INF_NEG") return -INFINITY;
  return type == "NAN" || !value ? NAN : *value;
}

absl::StatusOr<std::vector<Trial>> ReadTrials(ForeignDatabase* database, Emitter& emitter) {
  std::vector<Trial> trials;
  std::int64_t waiting = 0, beyond = 0;
  // Older stores have the direction with the study, and no number of a trial within it.
  const bool directions = database->HasTable("study_directions");
  const char* direction = directions                                    ? "d.direction"
                          : database->HasColumn("studies", "direction") ? "s.direction"
                                                                        : "'MINIMIZE'";
  const char* number = database->HasColumn("trials", "number") ? "t.number" : "t.trial_id";
  const absl::Status read = database->Query(
      absl::StrCat(
          "SELECT t.trial_id, s.study_name, t.state, ", number, ", ", direction,
          " FROM trials AS t JOIN studies AS s ON s.study_id = t.study_id ",
          directions ? "LEFT JOIN study_directions AS d ON d.study_id = t.study_id AND d.objective = 0 " : "",
          "ORDER BY t.trial_id"),
      [&](const DatabaseRow& row) {
        if (row.Text(2) == "WAITING") {
          ++waiting;
        } else if (trials.size() >= kMaxDatabaseRuns) {
          ++beyond;
        } else {
          trials.push_back({std::string(row.Text(0).substr(0, 64)),
                            std::string(row.Text(1).substr(0, kMaxTextBytes)), std::string(row.Text(2)),
                            row.Integer(3).value_or(0), row.Text(4) != "MAXIMIZE"});
        }
        return true;
      });
  if (!read.ok()) return read;
  if (waiting > 0) emitter.Note(absl::StrCat(waiting, " trials that have not begun are passed over"));
  if (beyond > 0)
    emitter.Reject(0, absl::StrCat("more than ", kMaxDatabaseRuns, " trials; ", beyond, " were left out"));
  return trials;
}

void SetState(const Trial& trial, LogRun* log) {
  ImportedRun& run = log->run();
  if (trial.state == "COMPLETE") log->SetEnd(ImportedState::kFinished);
  if (trial.state == "RUNNING") run.state = ImportedState::kRunning;
  if (trial.state == "FAIL" || trial.state == "PRUNED") log->SetEnd(ImportedState::kCrashed);
  log->AllowNoLoss();  // a study may maximize something else
  if (trial.state == "PRUNED") log->AddLabel("pruned");
  if (run.run_id.empty()) SetRunId(absl::StrCat(trial.study, "-trial-", trial.number), &run);
}

// What the store's version has. Before there were several objectives the value stood with the trial, and a
// table of its name held intermediate values.
struct Shape {
  bool objectives, trial_value, value_type, intermediate_type, attributes;
  std::string intermediate;  // the table of intermediate values, and the column of their value
  std::string intermediate_value;
};

std::string ValueQuery(const Shape& shape) {
  if (!shape.objectives)
    return "SELECT value, 'FINITE' FROM trials WHERE trial_id = ?1 AND value IS NOT NULL";
  return absl::StrCat("SELECT value, ", shape.value_type ? "value_type" : "'FINITE'",
                      " FROM trial_values WHERE trial_id = ?1 AND objective = 0");
}

Shape ShapeOf(ForeignDatabase* database) {
  Shape shape;
  shape.objectives = database->HasColumn("trial_values", "objective");
  shape.trial_value = database->HasColumn("trials", "value");
  shape.value_type = database->HasColumn("trial_values", "value_type");
  shape.intermediate_type = database->HasColumn("trial_intermediate_values", "intermediate_value_type");
  shape.attributes = database->HasTable("trial_user_attributes");
  const bool own = database->HasTable("trial_intermediate_values");
  shape.intermediate = own ? "trial_intermediate_values" : "trial_values";
  shape.intermediate_value = own ? "intermediate_value" : "value";
  return shape;
}

absl::Status ReadOne(ForeignDatabase* database, const Shape& shape, const Trial& trial, LogRun* log) {
  SetState(trial, log);
  absl::Status read = database->Query(
      "SELECT param_name, param_value, distribution_json FROM trial_params WHERE trial_id = ?1", trial.id,
      [&](const DatabaseRow& row) {
        const auto value = row.Number(1);
        const std::string text = value ? ParamText(*value, row.Text(2)) : std::string();
        if (!text.empty()) log->SetConfig(std::string(row.Text(0)), text);
        return true;
      });
  if (read.ok() && shape.attributes) {
    read = database->Query("SELECT key, value_json FROM trial_user_attributes WHERE trial_id = ?1", trial.id,
                           [&](const DatabaseRow& row) {
                             rapidjson::Document value;
                             if (!ParseJson(row.Text(1), &value).empty()) return true;
                             const std::string key(row.Text(0));
                             if (value.IsString()) {
                               log->SetConfig(key, std::string(JsonText(value)));
                             } else if (const auto number = JsonNumber(value)) {
                               log->SetConfig(key, FormatRoundTrip(*number));
                             }
                             return true;
                           });
  }
  if (read.ok()) {
    read = database->Query(ValueQuery(shape), trial.id, [&](const DatabaseRow& row) {
      const double value = TypedValue(row.Number(0), row.Text(1));
      log->SetConfig("objective", FormatRoundTrip(value));
      if (trial.minimized && !log->run().loss) log->run().loss = value;
      return true;
    });
  }
  if (!read.ok()) return read;
  return database->Query(absl::StrCat("SELECT step, ", shape.intermediate_value, ", ",
                                      shape.intermediate_type ? "intermediate_value_type" : "'FINITE'",
                                      " FROM ", shape.intermediate, " WHERE trial_id = ?1 ORDER BY step"),
                         trial.id, [&](const DatabaseRow& row) {
                           const auto step = row.Integer(0);
                           if (step && *step >= 0)
                             log->AddPoint(kIntermediate, *step, TypedValue(row.Number(1), row.Text(2)));
                           return true;
                         });
}

absl::Status ReadOptunaDatabase(const Input& input, Emitter& emitter) {
  auto database = ForeignDatabase::Open(input.path);
  if (!database.ok()) return database.status();
  const Shape shape = ShapeOf(database->get());
  const auto trials = ReadTrials(database->get(), emitter);
  if (!trials.ok()) return trials.status();
  bool maximized = false;
  for (const Trial& trial : *trials) maximized |= !trial.minimized;
  if (maximized) {
    emitter.Note("what a study maximizes is not taken for a loss; --map loss_nats=objective takes it");
  }
  if (FindMetric(emitter.options().metrics, {}, kIntermediate).metric == Metric::kIgnored) {
    emitter.Note(
        "intermediate values are left out, since their steps may be epochs; --metric "
        "intermediate_value=validation_loss takes them as losses after so many updates");
  }
  for (const Trial& trial : *trials) {
    const absl::Status emitted =
        EmitDatabaseRun(emitter, absl::StrCat("trial ", trial.number, ": "),
                        [&](LogRun* log) { return ReadOne(database->get(), shape, trial, log); });
    if (!emitted.ok()) return emitted;
  }
  return absl::OkStatus();
}

Match Detect(const Sample& sample) {
  if (!sample.HasTables({"trials", "studies", "trial_params"})) return {};
  return {100, "a SQLite database with Optuna's tables"};
}

}  // namespace

SEXTANT_LOG_FORMAT(optuna){.name = "optuna",
                           .about = "Optuna's SQLite storage",
                           .detect = &Detect,
                           .read_path = &ReadOptunaDatabase};

}  // namespace sextant::importers
