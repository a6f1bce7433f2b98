// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/json.h"
#include "clients/importers/log/json_members.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/log/step_clock.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

using rapidjson::Value;

// The last value of every metric; they make no curve.
void AddSummary(const Value& summary, LogRun* log) {
  StepClock clock;
  const auto step = clock.Read([&](const char* key) -> std::optional<double> {
    const Value* value = FindMember(summary, key);
    return value == nullptr ? std::nullopt : JsonNumber(*value);
  });
  for (const auto& member : summary.GetObject()) {
    const auto value = JsonNumber(member.value);
    if (value && !StepClock::IsClock(JsonText(member.name)))
      log->AddPoint(JsonText(member.name), step.value_or(0), *value);
  }
  log->LeaveOutCurve();
  log->SetEnd(ImportedState::kFinished);  // written when the run comes to its end
}

absl::Status ReadTrackerMetrics(ByteSource* source, Emitter& emitter) {
  absl::Status emitted;
  bool first = true;
  const absl::Status read = ForEachLine(
      source, kMaxJsonLineBytes, emitter, LastJsonLine, [&](std::string_view line, std::int64_t number) {
        if (Trim(line).empty() || !emitted.ok()) return;
        rapidjson::Document document;
        std::string wrong = ParseJson(line, &document);
        const Value* summary = wrong.empty() ? FindMember(document, "summary") : nullptr;
        const Value* config = wrong.empty() ? FindMember(document, "config") : nullptr;
        if (wrong.empty() && (summary == nullptr || !summary->IsObject()))
          wrong = "there is no object named summary";
        if (!wrong.empty()) return emitter.Reject(number, wrong);
        LogRun log(emitter);
        if (config != nullptr) AddSettings(*config, "", &log);
        AddSummary(*summary, &log);
        for (const Value* object : {static_cast<const Value*>(summary), config}) {
          const Value* count = object == nullptr ? nullptr : FindMember(*object, "parameter_count");
          const auto params = count == nullptr ? std::nullopt : JsonNumber(*count);
          if (params) log.SetConfig("params_total", FormatRoundTrip(*params));
        }
        for (const char* key : {"run_id", "run_name", "name", "id"}) {
          const Value* name = FindMember(document, key);
          if (name != nullptr && name->IsString() && log.run().run_id.empty())
            SetRunId(JsonText(*name), &log.run());
        }
        // One run a file is named by its place; further ones by their values.
        if (first) NameByPath(emitter, &log.run());
        first = false;
        emitted = log.Emit(emitter, number);
      });
  return read.ok() ? emitted : read;
}

Match Detect(const Sample& sample) {
  if (sample.mapped() || !sample.HasKey("config") || !sample.HasKey("summary")) return {};
  return {90, "JSON with config and summary"};
}

}  // namespace

SEXTANT_LOG_FORMAT(tracker_metrics){.name = "tracker-metrics",
                                    .about = "marin's tracker_metrics.jsonl",
                                    .detect = &Detect,
                                    .read = &ReadTrackerMetrics};

}  // namespace sextant::importers
