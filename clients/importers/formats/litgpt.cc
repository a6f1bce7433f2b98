// SPDX-License-Identifier: Apache-2.0
// What LitGPT prints: "Epoch 1 | iter 4 step 1 | loss train: 10.98, val: n/a | …", "iter 1000: val loss 3.23,
// …" and at the end "Final evaluation | val loss: 3.210 | …". An iteration is a micro-batch; steps count
// completed updates.
#include <algorithm>

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

// Where the training is.
struct Progress {
  std::int64_t step = 0;
  std::int64_t micro_batches = 0;  // of an update, once a line tells

  // The updates done after an iteration: those of the last line of training where nothing tells more. Lines
  // of training and validations need not come at the same iterations.
  std::int64_t StepAt(std::optional<double> iteration) const {
    if (!iteration || micro_batches == 0) return step;
    const auto done = StepOf(*iteration / static_cast<double>(micro_batches));
    return done && *done * micro_batches == static_cast<std::int64_t>(*iteration) ? *done : step;
  }
};

// A line that ends an update says so: its iterations divide into its steps.
void Note(std::string_view line, std::int64_t step, Progress* progress) {
  progress->step = step;
  const auto iteration = NumberAfter(line.substr(line.find(" | iter ")), " | iter ");
  if (line.find(" ms (step)") == std::string_view::npos || !iteration || step <= 0) return;
  const auto done = StepOf(*iteration);
  if (done && *done % step == 0) progress->micro_batches = *done / step;
}

bool IsValidation(std::string_view line) {
  return line.substr(0, 5) == "iter " && NumberAfter(line, ": val loss ").has_value();
}

// Both kinds of lines end in a time.
LastLine Last(std::string_view line) {
  if (!TrainedStep(line) && !IsValidation(line)) return LastLine::kNothing;
  return line.find(" ms") != std::string_view::npos ? LastLine::kWhole : LastLine::kHalf;
}

bool ReadLine(std::string_view line, Progress* progress, LogRun* log) {
  if (const auto trained = TrainedStep(line)) {
    Note(line, *trained, progress);
    if (const auto loss = NumberAfter(line, kLoss)) log->AddPoint("loss", *trained, *loss);
    return true;
  }
  if (IsValidation(line)) {
    log->AddPoint("val_loss", progress->StepAt(NumberAfter(line, "iter ")),
                  *NumberAfter(line, ": val loss "));
    return true;
  }
  if (const auto last = NumberAfter(line, "Final evaluation | val loss: ")) {
    log->AddPoint("val_loss", std::max(progress->step, log->last_step()), *last);
    log->SetEnd(ImportedState::kFinished);
    return true;
  }
  const auto params = NumberAfter(line, "Total parameters: ");
  if (params) log->SetConfig("params_total", FormatRoundTrip(*params));
  return params.has_value();
}

absl::Status ReadLitGpt(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  log.ComeInOrder();
  Progress progress;
  const absl::Status read = ForEachLogLine(
      &log, source, kMaxCsvLineBytes, emitter, Last,
      [&](std::string_view line, std::int64_t) { return ReadLine(Trim(line), &progress, &log); });
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
