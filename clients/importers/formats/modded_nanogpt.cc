// SPDX-License-Identifier: Apache-2.0
// modded-nanogpt and parameter-golf: "step:250/6200 val_loss:4.27 train_time:8402ms", behind the whole source
// of the program. Steps count completed updates for both losses.
#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

// Calls each(key, value) for the words "key:value" of a line.
template <class Each>
void ForEachPair(std::string_view line, Each each) {
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    const std::size_t colon = word.find(':');
    if (colon != std::string_view::npos && colon > 0) each(word.substr(0, colon), word.substr(colon + 1));
  }
}

struct Step {
  std::int64_t done;
  double planned;
};

// "step:250/6200" at the start of a line.
std::optional<Step> StepAt(std::string_view line) {
  constexpr std::string_view kPrefix = "step:";
  if (line.substr(0, kPrefix.size()) != kPrefix) return std::nullopt;
  const std::string_view word = line.substr(kPrefix.size(), line.find(' ') - kPrefix.size());
  const std::size_t slash = word.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto done = ParseInt64(word.substr(0, slash));
  const auto planned = ParseDouble(word.substr(slash + 1));
  if (!done || !planned || *done < 0 || *done > kMaxStep) return std::nullopt;
  return Step{*done, *planned};
}

// Settings that parameter-golf prints before the first step. Its warmup_steps compile the program.
bool AddSetting(std::string_view line, LogRun* log) {
  static constexpr const char* kNames[][2] = {{"model_params", "params_total"},
                                              {"train_batch_tokens", "batch_size_tokens"},
                                              {"train_seq_len", "sequence_length"},
                                              {"iterations", "max_steps"},
                                              {"seed", "seed"}};
  bool found = false;
  ForEachPair(line, [&](std::string_view key, std::string_view value) {
    for (const auto& [name, setting] : kNames) {
      if (key != name || !ParseDouble(value)) continue;
      log->SetConfig(setting, std::string(value));
      found = true;
    }
  });
  return found;
}

// Every line of a step ends in its time; before that a number may go on.
LastLine Last(std::string_view line) {
  if (!StepAt(line)) return LastLine::kNothing;
  return line.substr(line.size() - 2) == "ms" ? LastLine::kWhole : LastLine::kHalf;
}

bool ReadLine(std::string_view line, LogRun* log) {
  const auto step = StepAt(line);
  if (!step) {
    if (line.substr(0, 15) != "stopping_early:") return !log->has_points() && AddSetting(line, log);
    log->SetEnd(ImportedState::kFinished);
    log->AddLabel("stopped-early");
    return true;
  }
  log->PlanSteps(step->planned);
  ForEachPair(line, [&](std::string_view key, std::string_view text) {
    const auto value = key == "step" ? std::nullopt : ParseDouble(text);
    if (value) log->AddPoint(key, step->done, *value);
  });
  return true;
}

absl::Status ReadModdedNanoGpt(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  log.ComeInOrder();
  const absl::Status read =
      ForEachLogLine(&log, source, kMaxCsvLineBytes, emitter, Last,
                     [&](std::string_view line, std::int64_t) { return ReadLine(Trim(line), &log); });
  if (!read.ok()) return read;
  return EmitTextLog(emitter, &log);
}

Match Detect(const Sample& sample) {
  return MatchLines(sample, [](std::string_view line) {
    return StepAt(line) && (NumberAfter(line, " val_loss:") || NumberAfter(line, " train_loss:") ||
                            line.find(" train_time:") != std::string_view::npos);
  });
}

}  // namespace

SEXTANT_LOG_FORMAT(modded_nanogpt){.name = "modded-nanogpt",
                                   .about = "the logs of modded-nanogpt and parameter-golf",
                                   .detect = &Detect,
                                   .read = &ReadModdedNanoGpt};

}  // namespace sextant::importers
