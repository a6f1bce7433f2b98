// SPDX-License-Identifier: Apache-2.0
// Runs as W&B's API gives them, written as JSON: state, config, summary, and the history where it was asked
// for.
#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/identity.h"
#include "clients/importers/log/json_rows.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/log/step_clock.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

using rapidjson::Value;

// A member that is an object, or an object as text, as GraphQL answers hold config and summaryMetrics.
const Value* ObjectMember(const Value& run, std::initializer_list<const char*> keys,
                          rapidjson::Document* parsed) {
  for (const char* key : keys) {
    const Value* value = FindMember(run, key);
    if (value == nullptr) continue;
    if (value->IsObject()) return value;
    if (value->IsString() && ParseJson(JsonText(*value), parsed).empty() && parsed->IsObject()) return parsed;
  }
  return nullptr;
}

// {"lr": {"desc": null, "value": 0.001}} is lr = 0.001.
void AddConfig(const Value& config, LogRun* log) {
  for (const auto& member : config.GetObject()) {
    const std::string key(JsonText(member.name));
    if (key == "_wandb") continue;
    const Value* value = FindMember(member.value, "value");
    AddSettings(value == nullptr ? member.value : *value, key, log);
  }
}

void AddValues(const Value& row, StepClock* clock, LogRun* log) {
  const auto step = clock->Read([&](const char* key) { return NumberMember(row, key); });
  if (step) AddNumbers(row, *step, log, [](const std::string& key) { return StepClock::IsClock(key); });
}

void SetState(const Value& run, LogRun* log) {
  const Value* state = FindMember(run, "state");
  const std::string_view word = state != nullptr && state->IsString() ? JsonText(*state) : std::string_view();
  if (word == "finished") log->SetEnd(ImportedState::kFinished);
  if (word == "crashed" || word == "failed" || word == "killed") log->SetEnd(ImportedState::kCrashed);
  if (word == "running" || word == "preempted") log->run().state = ImportedState::kRunning;
}

void SetNames(const Value& run, LogRun* log) {
  for (const char* key : {"id", "run_id", "name"}) {
    const Value* id = FindMember(run, key);
    if (id == nullptr || !id->IsString() || !IsValidUtf8(JsonText(*id)) || !log->run().run_id.empty())
      continue;
    SetRunId(JsonText(*id), &log->run());
  }
  for (const char* key : {"display_name", "displayName", "name"}) {
    const Value* name = FindMember(run, key);
    if (name == nullptr || !name->IsString() || name->GetStringLength() > kMaxTextBytes) continue;
    if (!IsValidUtf8(JsonText(*name)) || JsonText(*name) == log->run().run_id) continue;
    log->run().tags.emplace("run_name", std::string(JsonText(*name)));
  }
}

absl::Status EmitRun(const Value& run, std::int64_t line, Emitter& emitter) {
  LogRun log(emitter);
  SetNames(run, &log);
  SetState(run, &log);
  rapidjson::Document parsed_config, parsed_summary;
  if (const Value* config = ObjectMember(run, {"config"}, &parsed_config)) AddConfig(*config, &log);
  const Value* history = FindMember(run, "history");
  StepClock clock;
  if (history != nullptr && history->IsArray() && !history->Empty()) {
    for (const Value& row : history->GetArray()) {
      if (row.IsObject()) AddValues(row, &clock, &log);
    }
  } else if (const Value* summary = ObjectMember(run, {"summary", "summaryMetrics"}, &parsed_summary)) {
    AddValues(*summary, &clock, &log);
    log.LeaveOutCurve();
  }
  return log.Emit(emitter, line);
}

absl::Status ReadWandbApi(ByteSource* source, Emitter& emitter) {
  absl::Status emitted;
  const absl::Status read = ForEachJsonRow(source, emitter, [&](const Value& run, std::int64_t line) {
    if (emitted.ok()) emitted = EmitRun(run, line, emitter);
  });
  return emitted.ok() ? read : emitted;
}

Match Detect(const Sample& sample) {
  const bool values = sample.HasKey("summary") || sample.HasKey("summaryMetrics") || sample.HasKey("history");
  if (sample.mapped() || !sample.HasKey("config") || !values) return {};
  // Without a state it is a summary that a tracker wrote.
  if (!sample.HasKey("state") && !sample.HasKey("history")) return {};
  return {95, "JSON of runs with state, config and values"};
}

}  // namespace

SEXTANT_LOG_FORMAT(wandb_api){.name = "wandb-api",
                              .about = "runs of W&B's API written as JSON",
                              .detect = &Detect,
                              .read = &ReadWandbApi};

}  // namespace sextant::importers
