// SPDX-License-Identifier: Apache-2.0
// What torchtitan prints: "step: 10  loss:  7.8774  grad_norm: …", in colours, behind a logger's prefix. The
// loss is the mean over all ranks at that update.
#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

// `text` without terminal colours: ESC [ … m.
std::string WithoutColours(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t escape = std::min(text.find("\x1B["), text.size());
    out.append(text.substr(0, escape));
    text.remove_prefix(escape);
    if (text.empty()) break;
    text.remove_prefix(std::min(text.find('m'), text.size() - 1) + 1);
  }
  return out;
}

struct Line {
  std::int64_t step;
  bool validation;
  std::string_view rest;
};

std::optional<Line> StepLine(std::string_view line) {
  constexpr std::string_view kStep = "step: ", kLoss = "loss: ";
  const std::size_t at = line.find(kStep);
  if (at == std::string_view::npos || (at > 0 && line[at - 1] != ' ' && line[at - 1] != '-'))
    return std::nullopt;
  const std::string_view rest = line.substr(at + kStep.size());
  const std::string_view number = Trim(rest);
  const auto step = ParseInt64(number.substr(0, number.find(' ')));
  if (!step || *step < 0 || *step > kMaxStep || rest.find(kLoss) == std::string_view::npos)
    return std::nullopt;
  // Others print "step: N loss: X" too, but not the memory.
  if (rest.find("memory: ") == std::string_view::npos) return std::nullopt;
  constexpr std::string_view kValidate = "validate ";
  const bool validation =
      at >= kValidate.size() && line.substr(at - kValidate.size(), kValidate.size()) == kValidate;
  return Line{*step, validation, rest};
}

bool AddSetting(std::string_view line, LogRun* log) {
  static constexpr const char* kMarks[][2] = {
      {"sequence length ", "sequence_length"}, {"total steps ", "max_steps"}, {"(warmup ", "warmup_steps"}};
  if (line.find(" total parameters") != std::string_view::npos) {
    const auto params = NumberAfter(line, "size: ");
    if (params) log->SetConfig("params_total", FormatRoundTrip(*params));
    return params.has_value();
  }
  const std::size_t at = line.find("Training starts at step ");
  if (at == std::string_view::npos) return false;
  for (const auto& [mark, setting] : kMarks) {
    if (const auto value = NumberAfter(line, mark)) log->SetConfig(setting, FormatRoundTrip(*value));
  }
  const auto sequences = NumberAfter(line, "global batch size "),
             length = NumberAfter(line, "sequence length ");
  if (sequences && length) log->SetConfig("batch_size_tokens", FormatRoundTrip(*sequences * *length));
  return true;
}

bool ReadLine(std::string_view coloured, LogRun* log) {
  const std::string plain = WithoutColours(coloured);
  const auto line = StepLine(plain);
  if (!line) return AddSetting(plain, log);
  const auto loss = NumberAfter(line->rest, "loss: ");
  if (loss) log->AddPoint(line->validation ? "validation_loss" : "loss", line->step, *loss);
  if (const auto norm = NumberAfter(line->rest, "grad_norm: ")) log->AddPoint("grad_norm", line->step, *norm);
  return loss.has_value();
}

LastLine Last(std::string_view line) {
  return StepLine(WithoutColours(line)) ? LastLine::kWhole : LastLine::kNothing;
}

absl::Status ReadTorchtitan(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  log.ComeInOrder();
  const absl::Status read =
      ForEachLogLine(&log, source, kMaxCsvLineBytes, emitter, Last,
                     [&](std::string_view line, std::int64_t) { return ReadLine(line, &log); });
  if (!read.ok()) return read;
  return EmitTextLog(emitter, &log);
}

Match Detect(const Sample& sample) {
  return MatchLines(sample, [](std::string_view line) { return StepLine(WithoutColours(line)).has_value(); });
}

}  // namespace

SEXTANT_LOG_FORMAT(torchtitan){
    .name = "torchtitan", .about = "what torchtitan prints", .detect = &Detect, .read = &ReadTorchtitan};

}  // namespace sextant::importers
