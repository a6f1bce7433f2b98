// SPDX-License-Identifier: Apache-2.0
// What LitGPT's pretraining prints: "Epoch 1 | iter 4 step 1 | loss train: 10.98, val: n/a | …", and "iter
// 1000: val loss 3.23, …". An iteration is a micro-batch; steps count completed updates.
#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

constexpr std::string_view kLoss = " | loss train: ";

// The step of a line of training.
std::optional<std::int64_t> TrainedStep(std::string_view line) {
  if (line.substr(0, 6) != "Epoch " || line.find(kLoss) == std::string_view::npos) return std::nullopt;
  const std::size_t iteration = line.find(" | iter ");
  if (iteration == std::string_view::npos) return std::nullopt;
  return StepOf(NumberAfter(line.substr(iteration), " step "));
}

bool IsValidation(std::string_view line) {
  return line.substr(0, 5) == "iter " && NumberAfter(line, ": val loss ").has_value();
}

// Both kinds of lines end in a time.
LastLine Last(std::string_view line) {
  if (!TrainedStep(line) && !IsValidation(line)) return LastLine::kNothing;
  return line.find(" ms") != std::string_view::npos ? LastLine::kWhole : LastLine::kHalf;
}

bool ReadLine(std::string_view line, std::int64_t* step, LogRun* log) {
  if (const auto trained = TrainedStep(line)) {
    *step = *trained;
    if (const auto loss = NumberAfter(line, kLoss)) log->AddPoint("loss", *step, *loss);
    return true;
  }
  if (IsValidation(line)) {
    log->AddPoint("val_loss", *step, *NumberAfter(line, ": val loss "));
    return true;
  }
  const auto params = NumberAfter(line, "Total parameters: ");
  if (params) log->SetConfig("params_total", FormatRoundTrip(*params));
  return params.has_value();
}

absl::Status ReadLitGpt(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  log.ComeInOrder();
  std::int64_t step = 0;
  const absl::Status read =
      ForEachLogLine(&log, source, kMaxCsvLineBytes, emitter, Last,
                     [&](std::string_view line, std::int64_t) { return ReadLine(Trim(line), &step, &log); });
  if (!read.ok()) return read;
  return EmitTextLog(emitter, &log);
}

Match Detect(const Sample& sample) {
  return MatchLines(
      sample, [](std::string_view line) { return TrainedStep(line).has_value() || IsValidation(line); });
}

}  // namespace

SEXTANT_LOG_FORMAT(litgpt){
    .name = "litgpt", .about = "what LitGPT's pretraining prints", .detect = &Detect, .read = &ReadLitGpt};

}  // namespace sextant::importers
