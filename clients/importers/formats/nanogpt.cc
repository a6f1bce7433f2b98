// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/limits.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

// nanoGPT's names for what runs call otherwise; its batch is stated in tokens on a line of its own.
bool SetFromOverride(std::string_view line, LogRun* log) {
  constexpr std::string_view kPrefix = "Overriding: ";
  if (line.substr(0, kPrefix.size()) != kPrefix) return false;
  line.remove_prefix(kPrefix.size());
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return false;
  std::string key(Trim(line.substr(0, equals)));
  if (key == "block_size") key = "sequence_length";
  if (key == "warmup_iters") key = "warmup_steps";
  log->SetConfig(key, std::string(Trim(line.substr(equals + 1))));
  return true;
}

// "iter 2000:" or "step 2000:", else absent.
std::optional<std::int64_t> StepOf(std::string_view line, std::string_view word) {
  if (line.substr(0, word.size()) != word) return std::nullopt;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto step = ParseInt64(line.substr(word.size(), colon - word.size()));
  return step && *step <= kMaxStep ? step : std::nullopt;
}

// An iteration's line ends in a percentage; the others in a number that may go on.
LastLine Last(std::string_view line) {
  const auto begins = [&](std::string_view word) { return line.substr(0, word.size()) == word; };
  if (begins("iter ")) return line.back() == '%' ? LastLine::kWhole : LastLine::kHalf;
  const bool known = begins("step ") || begins("Overriding: ") ||
                     line.find("tokens per iteration will be:") != std::string_view::npos;
  return known ? LastLine::kHalf : LastLine::kNothing;
}

absl::Status ReadNanoGpt(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  log.ComeInOrder();
  const absl::Status read =
      ForEachLogLine(&log, source, kMaxCsvLineBytes, emitter, Last, [&](std::string_view line, std::int64_t) {
        line = Trim(line);
        if (SetFromOverride(line, &log)) return true;
        if (const auto tokens = NumberAfter(line, "tokens per iteration will be:")) {
          log.SetConfig("batch_size_tokens", FormatRoundTrip(*tokens));
        } else if (const auto step = StepOf(line, "step ")) {
          // Measured before update `step`; the training loss beside it is an evaluation too, and not the
          // run's own.
          if (const auto loss = NumberAfter(line, "val loss ")) log.AddPoint("val_loss", *step, *loss);
        } else if (const auto update = StepOf(line, "iter ")) {
          if (const auto loss = NumberAfter(line, ": loss ")) log.AddPoint("train_loss", *update + 1, *loss);
        } else {
          return false;
        }
        return true;
      });
  if (!read.ok()) return read;
  return EmitTextLog(emitter, &log);
}

bool IsLine(std::string_view line) {
  if (NumberAfter(line, "tokens per iteration will be:")) return true;
  if (line.substr(0, 5) == "iter ") return NumberAfter(line, ": loss ") && NumberAfter(line, ", time ");
  return line.substr(0, 5) == "step " && NumberAfter(line, ": train loss ") &&
         NumberAfter(line, ", val loss ");
}

Match Detect(const Sample& sample) { return MatchLines(sample, &IsLine); }

}  // namespace

SEXTANT_LOG_FORMAT(nanogpt){
    .name = "nanogpt", .about = "what nanoGPT prints", .detect = &Detect, .read = &ReadNanoGpt};

}  // namespace sextant::importers
