// SPDX-License-Identifier: Apache-2.0
// nanochat: what its base training prints, and that section of its report. "step 00250/21400 (1.17%) | loss:
// …" is update 250 from 0, its loss a running mean; "Step 00250 | Validation bpb: …" stands before it.
#include <algorithm>

#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

constexpr MetricName kNames[] = {{"loss", Metric::kTrainLoss},
                                 {"Validation bpb", Metric::kValidationBits},
                                 {"Final validation bpb", Metric::kValidationBits}};

struct Step {
  std::int64_t update;
  double planned;
};

std::optional<Step> PrintedStep(std::string_view line) {
  if (line.substr(0, 5) != "step " || line.find("%) | loss: ") == std::string_view::npos) return std::nullopt;
  const std::string_view word = line.substr(5, line.find(' ', 5) - 5);
  const std::size_t slash = word.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto update = ParseInt64(word.substr(0, slash));
  const auto planned = ParseDouble(word.substr(slash + 1));
  if (!update || !planned || *update < 0 || *update >= kMaxStep) return std::nullopt;
  return Step{*update, *planned};
}

std::optional<std::int64_t> ValidatedStep(std::string_view line) {
  const std::size_t mark = line.find(" | Validation bpb: ");
  if (line.substr(0, 5) != "Step " || mark == std::string_view::npos) return std::nullopt;
  const auto step = ParseInt64(line.substr(5, mark - 5));
  return step && *step >= 0 && *step <= kMaxStep ? step : std::nullopt;
}

constexpr std::string_view kReport = "## Base model training";

bool IsLine(std::string_view line) { return PrintedStep(line) || ValidatedStep(line); }

// "Total batch size 524,288 => …" when printed, "- Number of parameters: 560,988,160" in a report.
bool AddSetting(std::string_view line, LogRun* log) {
  static constexpr const char* kLines[][2] = {{"Number of parameters: ", "params_total"},
                                              {"Total batch size ", "batch_size_tokens"},
                                              {"total_batch_size: ", "batch_size_tokens"},
                                              {"max_seq_len: ", "sequence_length"},
                                              {"Calculated number of iterations: ", "max_steps"}};
  if (line.substr(0, 2) == "- ") line.remove_prefix(2);
  for (const auto& [text, setting] : kLines) {
    if (line.rfind(text, 0) != 0) continue;
    const auto value = NumberAfter(line, text);
    if (value) log->SetConfig(setting, FormatRoundTrip(*value));
    return value.has_value();
  }
  return false;
}

class Reader {
 public:
  explicit Reader(LogRun* log) : log_(*log) {}

  bool Read(std::string_view line) {
    if (const auto step = PrintedStep(line)) {
      log_.PlanSteps(step->planned);
      if (const auto loss = NumberAfter(line, "| loss: ")) log_.AddPoint("loss", step->update + 1, *loss);
      log_.AddLabel("smoothed-loss");
      return true;
    }
    if (const auto step = ValidatedStep(line)) {
      if (const auto bits = NumberAfter(line, "Validation bpb: "))
        log_.AddPoint("Validation bpb", *step, *bits);
      return true;
    }
    if (line.substr(0, 3) == "## ") in_report_ = line == kReport;
    if (in_report_ && ReadReport(line)) return true;
    return AddSetting(line, &log_);
  }

 private:
  // The report is written when the training has come to its end; it has no steps but the last.
  bool ReadReport(std::string_view line) {
    if (const auto steps = NumberAfter(line, "- Calculated number of iterations: ")) steps_ = StepOf(steps);
    if (const auto flops = NumberAfter(line, "- Total training flops: ")) log_.run().flops = flops;
    const auto tokens = NumberAfter(line, "- Number of training tokens: ");
    if (tokens && *tokens > 0) log_.run().tokens = tokens;
    const auto bits = NumberAfter(line, "- Final validation bpb: ");
    if (bits) {
      log_.SetEnd(ImportedState::kFinished);
      log_.LeaveOutCurve();
      log_.AddPoint("Final validation bpb", steps_.value_or(0), *bits);
      if (steps_) log_.SetStepsDone(static_cast<double>(*steps_));
    }
    return tokens || bits;
  }

  LogRun& log_;
  std::optional<std::int64_t> steps_;
  bool in_report_ = false;
};

LastLine Last(std::string_view line) {
  const bool known = IsLine(line) || line.substr(0, 2) == "- ";
  return known ? LastLine::kHalf : LastLine::kNothing;
}

absl::Status ReadNanochat(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  log.ComeInOrder();
  Reader reader(&log);
  const absl::Status read =
      ForEachLogLine(&log, source, kMaxCsvLineBytes, emitter, Last,
                     [&](std::string_view line, std::int64_t) { return reader.Read(Trim(line)); });
  if (!read.ok()) return read;
  return EmitTextLog(emitter, &log);
}

Match Detect(const Sample& sample) {
  const int headings = sample.CountLines([](std::string_view line) { return line == kReport; });
  const int results =
      sample.CountLines([](std::string_view line) { return line.rfind("- Final validation bpb: ", 0) == 0; });
  if (headings > 0 && results > 0) return {95, "a report with a section on base model training"};
  return MatchLines(sample, &IsLine);
}

}  // namespace

SEXTANT_LOG_FORMAT(nanochat){.name = "nanochat",
                             .about = "what nanochat's base training prints, and its report",
                             .detect = &Detect,
                             .read = &ReadNanochat,
                             .metrics = kNames};

}  // namespace sextant::importers
