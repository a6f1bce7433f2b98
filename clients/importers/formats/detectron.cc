// SPDX-License-Identifier: Apache-2.0
// Detectron2's metrics.json: JSON lines with `iteration`, which counts updates from 0, and `total_loss`.
#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/log/json_rows.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

constexpr MetricName kNames[] = {{"total_loss", Metric::kTrainLoss},
                                 {"validation_loss", Metric::kValidationLoss},
                                 {"val_loss", Metric::kValidationLoss}};

bool IsClock(const std::string& key) { return key == "iteration"; }

absl::Status ReadDetectron(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  const absl::Status read =
      ForEachJsonRow(source, emitter, [&](const rapidjson::Value& row, std::int64_t number) {
        const auto iteration = StepOf(NumberMember(row, "iteration"));
        if (!iteration) return emitter.Reject(number, "there is no iteration from 0");
        AddNumbers(row, *iteration + 1, &log, &IsClock);
      });
  if (!read.ok()) return read;
  // Values are medians of the updates since the row before.
  log.AddLabel("interval-median-loss");
  NameByPath(emitter, &log.run());
  return log.Emit(emitter, 1);
}

Match Detect(const Sample& sample) {
  if (sample.mapped() || !sample.HasKey("iteration") || !sample.HasKey("total_loss")) return {};
  return {90, "JSON lines with iteration and total_loss"};
}

}  // namespace

SEXTANT_LOG_FORMAT(detectron){.name = "detectron",
                              .about = "Detectron2's metrics.json",
                              .detect = &Detect,
                              .read = &ReadDetectron,
                              .metrics = kNames};

}  // namespace sextant::importers
