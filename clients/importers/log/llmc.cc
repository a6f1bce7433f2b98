#include <cmath>

#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/log/readers.h"

namespace sextant::importers {
namespace {

// main.log writes rates with six decimals.
constexpr double kCoarseRate = 1e-4;

// "s:250 trl:4.5983 lr:0.000214 norm:0.71" as key and value, one by one.
template <class Each>
void ForEachPair(std::string_view line, Each each) {
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    const std::size_t colon = word.find(':');
    if (colon != std::string_view::npos) each(word.substr(0, colon), word.substr(colon + 1));
  }
}

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
  static constexpr const char* kNames[][2] = {{"sequence length T", "sequence_length"},
                                              {"total batch size", "batch_size_tokens"},
                                              {"learning rate (LR)", "learning_rate"},
                                              {"warmup iterations", "warmup_steps"},
                                              {"weight decay", "weight_decay"}};
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

}  // namespace

absl::Status ReadLlmcLog(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  log.ComeInOrder();
  bool coarse_rate = false;
  const absl::Status read = ForEachLine(
      source, kMaxCsvLineBytes, emitter, LastNumberLine, [&](std::string_view line, std::int64_t number) {
        line = Trim(line);
        if (line.empty()) return;
        std::optional<std::int64_t> step;
        if (line.substr(0, 2) == "s:") step = ParseInt64(line.substr(2, line.find(' ') - 2));
        if (!step || *step < 0 || *step > kMaxStep) {
          emitter.Reject(number, "not a line of an llm.c log: " + Quoted(line));
          return;
        }
        ForEachPair(line, [&](std::string_view key, std::string_view text) {
          const auto value = ParseDouble(text);
          if (key == "s" || key == "eval" || !value) return;
          // Validation is measured before update `step`, counted from 0; everything else after it.
          log.AddPoint(key, key == "tel" ? *step : *step + 1, *value);
          coarse_rate |= key == "lr" && *value > 0 && *value < kCoarseRate;
        });
      });
  if (!read.ok()) return read;
  if (coarse_rate) log.AddLabel("coarse-rate");
  return EmitTextLog(emitter, &log);
}

absl::Status ReadLlmcOutput(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  log.ComeInOrder();
  std::int64_t last_step = 0;
  std::optional<double> peak_rate, final_fraction;
  const absl::Status read =
      ForEachLine(source, kMaxCsvLineBytes, emitter, LastOutput, [&](std::string_view line, std::int64_t) {
        if (const auto [name, value] = TableRow(line); !name.empty()) {
          if (const char* field = SettingName(name)) log.SetConfig(field, value);
          if (name == "learning rate (LR)") peak_rate = ParseDouble(value);
          if (name == "final LR fraction") final_fraction = ParseDouble(value);
          if (name == "LR scheduler") log.run().schedule = Printable(value).substr(0, 64);
          return;
        }
        if (line.substr(0, 5) == "step " && line.find('/') != std::string_view::npos) {
          const auto step = StepOf(NumberAfter(line, "step "));
          if (!step || *step < 1) return;
          last_step = *step;
          if (const auto loss = NumberAfter(line, "| loss ")) log.AddPoint("train_loss", last_step, *loss);
          if (const auto rate = NumberAfter(line, "| lr ")) log.AddPoint("lr", last_step, *rate);
        } else if (line.substr(0, 9) == "val loss ") {
          if (const auto loss = NumberAfter(line, "val loss ")) log.AddPoint("val_loss", last_step, *loss);
        } else if (line.find("skipping update due to") != std::string_view::npos) {
          log.AddLabel("skipped-updates");
        }
      });
  if (!read.ok()) return read;
  if (peak_rate && final_fraction)
    log.SetConfig("min_learning_rate", FormatRoundTrip(*peak_rate * *final_fraction));
  return EmitTextLog(emitter, &log);
}

}  // namespace sextant::importers
