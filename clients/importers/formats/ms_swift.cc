// SPDX-License-Identifier: Apache-2.0
// ms-swift's logging.jsonl: "global_step/max_steps": "10/438"; the last line repeats the whole history.
#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/log/json_rows.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

using rapidjson::Value;

constexpr char kStepKey[] = "global_step/max_steps";

// The mean over the whole run, in the last line.
constexpr MetricName kNames[] = {{"train_loss", Metric::kIgnored}};

bool IsClock(const std::string& key) { return key == kStepKey || key == "epoch" || key == "log_history"; }

void AddRow(const Value& row, std::int64_t line, Emitter& emitter, LogRun* log) {
  const Value* text = FindMember(row, kStepKey);
  const std::string_view steps = text != nullptr && text->IsString() ? JsonText(*text) : std::string_view();
  const std::size_t slash = steps.find('/');
  const auto step = StepOf(ParseDouble(steps.substr(0, slash)));
  if (!step || slash == std::string_view::npos) {
    // What the trainer has at its end: the state with the history that stands above.
    if (FindMember(row, "log_history") == nullptr) emitter.Reject(line, "there is no global_step/max_steps");
    return;
  }
  if (const auto planned = ParseDouble(steps.substr(slash + 1))) log->PlanSteps(*planned);
  AddNumbers(row, *step, log, &IsClock);
}

absl::Status ReadMsSwift(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  const absl::Status read = ForEachJsonRow(
      source, emitter, [&](const Value& row, std::int64_t line) { AddRow(row, line, emitter, &log); });
  if (!read.ok()) return read;
  log.AddLabel("interval-mean-loss");
  NameByPath(emitter, &log.run());
  return log.Emit(emitter, 1);
}

Match Detect(const Sample& sample) {
  if (sample.mapped() || !sample.HasKey(kStepKey)) return {};
  return {96, "JSON lines with global_step/max_steps"};
}

}  // namespace

SEXTANT_LOG_FORMAT(ms_swift){.name = "ms-swift",
                             .about = "ms-swift's logging.jsonl",
                             .detect = &Detect,
                             .read = &ReadMsSwift,
                             .metrics = kNames};

}  // namespace sextant::importers
