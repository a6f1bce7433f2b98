// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

// A settings row "| learning rate (LR)    | 6.000000e-04     |" as name and value; empty name if it is none.
std::pair<std::string, std::string> TableRow(std::string_view line) {
  line = Trim(line);
  if (line.size() < 5 || line.front() != '|' || line.back() != '|') return {};
  line = line.substr(1, line.size() - 2);
  const std::size_t bar = line.find('|');
  if (bar == std::string_view::npos || line.find('|', bar + 1) != std::string_view::npos) return {};
  return {std::string(Trim(line.substr(0, bar))), std::string(Trim(line.substr(bar + 1)))};
}

const char* SettingName(const std::string& row) {
  static constexpr const char* kNames[][2] = {
      {"sequence length T", "sequence_length"}, {"total batch size", "batch_size_tokens"},
      {"learning rate (LR)", "learning_rate"},  {"warmup iterations", "warmup_steps"},
      {"weight decay", "weight_decay"},         {"num_parameters", "params_total"}};
  for (const auto& [name, field] : kNames) {
    if (row == name) return field;
  }
  return nullptr;
}

// What llm.c prints of a step ends in its speed, a validation loss in itself; half a settings row is no row.
LastLine LastOutput(std::string_view line) {
  if (line.substr(0, 9) == "val loss ") return LastLine::kHalf;
  if (line.substr(0, 5) == "step " && (line.size() < 5 || line.substr(line.size() - 5) != "tok/s"))
    return LastLine::kHalf;
  return LastLine::kWhole;
}

absl::Status ReadLlmcOutput(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  log.ComeInOrder();
  std::int64_t last_step = 0;
  std::optional<double> peak_rate, final_fraction;
  const absl::Status read = ForEachLogLine(
      &log, source, kMaxCsvLineBytes, emitter, LastOutput, [&](std::string_view line, std::int64_t) {
        if (const auto [name, value] = TableRow(line); !name.empty()) {
          if (const char* field = SettingName(name)) log.SetConfig(field, value);
          if (name == "learning rate (LR)") peak_rate = ParseDouble(value);
          if (name == "final LR fraction") final_fraction = ParseDouble(value);
          if (name == "LR scheduler") log.run().schedule = Printable(value).substr(0, 64);
          return true;
        }
        if (line.substr(0, 5) == "step " && line.find('/') != std::string_view::npos) {
          const auto step = StepOf(NumberAfter(line, "step "));
          if (!step || *step < 1) return false;
          last_step = *step;
          if (const auto planned = NumberAfter(line, "/")) log.PlanSteps(*planned);
          if (const auto loss = NumberAfter(line, "| loss ")) log.AddPoint("train_loss", last_step, *loss);
          if (const auto norm = NumberAfter(line, "| norm ")) log.AddPoint("norm", last_step, *norm);
          if (const auto rate = NumberAfter(line, "| lr ")) log.AddPoint("lr", last_step, *rate);
          return true;
        }
        if (line.substr(0, 9) == "val loss ") {
          if (const auto loss = NumberAfter(line, "val loss ")) log.AddPoint("val_loss", last_step, *loss);
          return true;
        }
        const bool skipped = line.find("skipping update due to") != std::string_view::npos;
        if (skipped) log.AddLabel("skipped-updates");
        return skipped;
      });
  if (!read.ok()) return read;
  if (peak_rate && final_fraction)
    log.SetConfig("min_learning_rate", FormatRoundTrip(*peak_rate * *final_fraction));
  return EmitTextLog(emitter, &log);
}

bool IsLine(std::string_view line) {
  if (line.substr(0, 5) == "step ")
    return line.find('/') != std::string_view::npos && NumberAfter(line, "| loss ");
  // Not the program's source, where a call stands before and no number behind.
  return line.substr(0, 20) == "| sequence length T ";
}

Match Detect(const Sample& sample) { return MatchLines(sample, &IsLine); }

}  // namespace

SEXTANT_LOG_FORMAT(llmc_output){
    .name = "llmc-output", .about = "what llm.c prints", .detect = &Detect, .read = &ReadLlmcOutput};

}  // namespace sextant::importers
