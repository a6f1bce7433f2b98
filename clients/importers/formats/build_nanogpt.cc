// SPDX-License-Identifier: Apache-2.0
// build-nanogpt's log.txt ("250 val 6.0727", "0 train 11.0873") and what it prints ("step 0 | loss: 10.95 |
// …"). A validation stands before update `step`, counted from 0; everything else after it.
#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

struct Entry {
  std::int64_t step;
  std::string_view word, value;
};

// "250 val 6.0727", or absent.
std::optional<Entry> FileEntry(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto step = ParseInt64(line.substr(0, first));
  const std::string_view word = line.substr(first + 1, second - first - 1);
  if (!step || *step < 0 || *step > kMaxStep || (word != "train" && word != "val" && word != "hella"))
    return std::nullopt;
  const std::string_view value = Trim(line.substr(second + 1));
  if (!ParseDouble(value)) return std::nullopt;
  return Entry{*step, word, value};
}

// "step   250 | loss: 6.1 | lr 2.1e-04 | …": the update, from 0.
std::optional<std::int64_t> PrintedStep(std::string_view line) {
  if (line.substr(0, 5) != "step ") return std::nullopt;
  const std::size_t bar = line.find(" | loss: ");
  if (bar == std::string_view::npos) return std::nullopt;
  const auto step = ParseInt64(Trim(line.substr(5, bar - 5)));
  return step && *step >= 0 && *step <= kMaxStep ? step : std::nullopt;
}

constexpr std::string_view kValidation = "validation loss: ";

bool IsLine(std::string_view line) { return FileEntry(line) || PrintedStep(line); }

LastLine Last(std::string_view line) {
  return IsLine(line) || line.substr(0, kValidation.size()) == kValidation ? LastLine::kHalf
                                                                           : LastLine::kNothing;
}

bool ReadLine(std::string_view line, std::int64_t* updates, LogRun* log) {
  if (const auto entry = FileEntry(line)) {
    const std::int64_t step = entry->word == "train" ? entry->step + 1 : entry->step;
    log->AddPoint(entry->word, step, *ParseDouble(entry->value));
    return true;
  }
  if (const auto step = PrintedStep(line)) {
    *updates = *step + 1;
    if (const auto loss = NumberAfter(line, "| loss: ")) log->AddPoint("train", *updates, *loss);
    if (const auto rate = NumberAfter(line, "| lr ")) log->AddPoint("lr", *updates, *rate);
    if (const auto norm = NumberAfter(line, "| norm: ")) log->AddPoint("norm", *updates, *norm);
    return true;
  }
  if (line.substr(0, kValidation.size()) != kValidation) return false;
  if (const auto loss = NumberAfter(line, kValidation)) log->AddPoint("val", *updates, *loss);
  return true;
}

constexpr MetricName kNames[] = {{"train", Metric::kTrainLoss}, {"val", Metric::kValidationLoss}};

absl::Status ReadBuildNanoGpt(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  log.ComeInOrder();
  std::int64_t updates = 0;
  const absl::Status read = ForEachLogLine(
      &log, source, kMaxCsvLineBytes, emitter, Last,
      [&](std::string_view line, std::int64_t) { return ReadLine(Trim(line), &updates, &log); });
  if (!read.ok()) return read;
  return EmitTextLog(emitter, &log);
}

Match Detect(const Sample& sample) { return MatchLines(sample, &IsLine); }

}  // namespace

SEXTANT_LOG_FORMAT(build_nanogpt){.name = "build-nanogpt",
                                  .about = "build-nanogpt's log.txt, and what it prints",
                                  .detect = &Detect,
                                  .read = &ReadBuildNanoGpt,
                                  .metrics = kNames};

}  // namespace sextant::importers
