// SPDX-License-Identifier: Apache-2.0
// LLaMA-Factory's trainer_log.jsonl: a line per log call, with the steps done and planned.
#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/log/json_rows.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

bool IsClock(const std::string& key) {
  return key == "current_steps" || key == "total_steps" || key == "epoch" || key == "percentage";
}

absl::Status ReadLlamaFactory(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  const absl::Status read =
      ForEachJsonRow(source, emitter, [&](const rapidjson::Value& row, std::int64_t number) {
        const auto step = StepOf(NumberMember(row, "current_steps"));
        if (!step) return emitter.Reject(number, "there is no current_steps from 0");
        if (const auto planned = NumberMember(row, "total_steps")) log.PlanSteps(*planned);
        AddNumbers(row, *step, &log, &IsClock);
      });
  if (!read.ok()) return read;
  log.AddLabel("interval-mean-loss");
  NameByPath(emitter, &log.run());
  return log.Emit(emitter, 1);
}

Match Detect(const Sample& sample) {
  if (sample.mapped() || !sample.HasKey("current_steps") || !sample.HasKey("total_steps")) return {};
  return {95, "JSON lines with current_steps and total_steps"};
}

}  // namespace

SEXTANT_LOG_FORMAT(llamafactory){.name = "llamafactory",
                                 .about = "LLaMA-Factory's trainer_log.jsonl",
                                 .detect = &Detect,
                                 .read = &ReadLlamaFactory};

}  // namespace sextant::importers
