// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Where "iteration  1200/   20000 |" (or "iter …") stands in the line, and its step.
struct Iteration {
  std::size_t fields_at;  // behind the first bar
  std::int64_t step;
  double planned;
};
std::optional<Iteration> FindIteration(std::string_view line) {
  for (const std::string_view word : {"iteration", "iter"}) {
    for (std::size_t at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
      std::size_t i = at + word.size();
      const auto skip_spaces = [&] {
        while (i < line.size() && line[i] == ' ') ++i;
      };
      const auto digits = [&] {
        const std::size_t start = i;
        while (i < line.size() && IsDigit(line[i])) ++i;
        return line.substr(start, i - start);
      };
      if (i < line.size() && line[i] == ':') ++i;  // nanotron writes "iteration: 10 / 1000"
      skip_spaces();
      const auto step = ParseInt64(digits());
      skip_spaces();
      if (!step || i >= line.size() || line[i] != '/') continue;
      ++i;
      skip_spaces();
      const auto planned = ParseDouble(digits());
      if (!planned) continue;
      skip_spaces();
      if (i < line.size() && line[i] == '|') return Iteration{i + 1, *step, *planned};
    }
  }
  return std::nullopt;
}

// Calls each(name, text) for the " name: value " fields between bars.
template <class Each>
void ForEachField(std::string_view line, Each each) {
  while (!line.empty()) {
    const std::size_t bar = std::min(line.find('|'), line.size());
    const std::string_view field = line.substr(0, bar);
    line.remove_prefix(std::min(bar + 1, line.size()));
    const std::size_t colon = field.rfind(':');
    if (colon != std::string_view::npos) each(Trim(field.substr(0, colon)), Trim(field.substr(colon + 1)));
  }
}

// " > padded vocab (size: 50257) with 47 dummy tokens (new size: 50304)", which older versions' dumps lack.
bool SetPaddedVocabulary(std::string_view line, LogRun* log) {
  if (line.find("> padded vocab (size: ") == std::string_view::npos) return false;
  const auto size = NumberAfter(line, "(new size: ");
  if (size) log->SetConfig("padded_vocab_size", FormatRoundTrip(*size));
  return size.has_value();
}

// The value of an argument without what GPT-NeoX puts behind it: "2048........................updated".
std::string_view WithoutOrigin(std::string_view value) {
  for (const std::string_view origin : {"updated", "default"}) {
    if (value.size() <= origin.size() || value.substr(value.size() - origin.size()) != origin) continue;
    value.remove_suffix(origin.size());
    return value.substr(0, value.find_last_not_of('.') + 1);
  }
  return value;
}

// A line of the arguments dump: "  seq_length ................. 2048", with whatever a launcher puts before
// it.
struct Argument {
  std::string_view key, value;
};
std::optional<Argument> FindArgument(std::string_view line) {
  const std::size_t dots = line.find(" ...");
  if (dots == std::string_view::npos || dots == 0) return std::nullopt;
  const std::size_t value_at = line.find(". ", dots);
  if (value_at == std::string_view::npos) return std::nullopt;
  std::string_view key = Trim(line.substr(0, dots));
  key = key.substr(key.find_last_of(" :]") + 1);
  const std::string_view value = WithoutOrigin(Trim(line.substr(value_at + 2)));
  if (key.empty() || value.empty()) return std::nullopt;
  return Argument{key, value};
}

// A number as it stands, or as nanotron shortens it: "2.62M".
std::optional<double> NumberOf(std::string_view text) {
  if (const auto plain = ParseDouble(text)) return plain;
  static constexpr std::pair<char, double> kUnits[] = {
      {'K', 1e3}, {'M', 1e6}, {'B', 1e9}, {'G', 1e9}, {'T', 1e12}};
  for (const auto& [letter, factor] : kUnits) {
    if (text.size() < 2 || text.back() != letter) continue;
    const auto number = ParseDouble(text.substr(0, text.size() - 1));
    if (number) return *number * factor;
  }
  return std::nullopt;
}

// The step that a validation was made at: "validation loss at iteration 2000 |", GPT-NeoX's "validation
// results at iteration 2000 |", or the last one at the end of the training.
std::optional<std::int64_t> ValidatedStep(std::string_view line, LogRun* log) {
  for (const std::string_view mark : {"validation loss at iteration ", "validation results at iteration "}) {
    if (const auto step = StepOf(NumberAfter(line, mark))) return step;
  }
  if (line.find(" at the end of training for val data") == std::string_view::npos) return std::nullopt;
  log->SetEnd(ImportedState::kFinished);
  return log->last_step();
}

bool IsValidation(std::string_view line) {
  return line.find("validation loss at ") != std::string_view::npos ||
         line.find("validation results at ") != std::string_view::npos;
}

bool AddValidation(std::string_view line, LogRun* log) {
  if (line.find("on test set") != std::string_view::npos ||
      line.find("for test data") != std::string_view::npos)
    return true;
  const auto step = ValidatedStep(line, log);
  if (!step) return false;
  ForEachField(line.substr(line.find('|') + 1), [&](std::string_view name, std::string_view text) {
    const auto value = ParseDouble(text);
    if (value && (name == "lm loss value" || name == "lm_loss value" || name == "lm-loss value"))
      log->AddPoint("lm loss validation", *step, *value);
  });
  return true;
}

// A bar ends every field of an iteration and of a validation, nothing an argument of the dump.
LastLine Last(std::string_view line) {
  const bool bars = FindIteration(line) || IsValidation(line);
  if (bars && line.back() == '|') return LastLine::kWhole;
  return bars || line.find(" ...") != std::string_view::npos ? LastLine::kHalf : LastLine::kNothing;
}

absl::Status ReadMegatron(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  log.ComeInOrder();
  double batch_sequences = 0;
  std::optional<double> sequence_length;
  bool counts_tokens = false;
  const absl::Status read =
      ForEachLogLine(&log, source, kMaxCsvLineBytes, emitter, Last, [&](std::string_view line, std::int64_t) {
        if (IsValidation(line)) return AddValidation(line, &log);
        const auto iteration = FindIteration(line);
        if (!iteration) {
          const auto argument = FindArgument(line);
          if (!argument) return SetPaddedVocabulary(line, &log);
          if (argument->key == "seq_length") sequence_length = ParseDouble(argument->value);
          log.SetConfig(std::string(argument->key), std::string(argument->value));
          return true;
        }
        log.PlanSteps(iteration->planned);
        ForEachField(line.substr(iteration->fields_at), [&](std::string_view name, std::string_view text) {
          const auto value = NumberOf(text);
          if (!value) return;
          counts_tokens |= name == "consumed_tokens";
          if (name == "consumed_tokens" && !ParseDouble(text)) log.AddLabel("rounded-tokens");
          if (name == "global batch size") batch_sequences = *value;
          if (name == "number of nan iterations" && *value > 0) log.AddLabel("nan-iterations");
          // Step-Law's fork calls it so.
          log.AddPoint(name == "lm loss only" ? std::string_view("lm loss") : name, iteration->step, *value);
        });
        return true;
      });
  if (!read.ok()) return read;
  log.AddLabel("interval-mean-loss");
  if (!sequence_length) sequence_length = emitter.Prototype().sequence_length;
  if (sequence_length && *sequence_length > 0 && batch_sequences > 0) {
    log.SetConfig("batch_size_tokens", FormatRoundTrip(batch_sequences * *sequence_length));
  } else if (!sequence_length && !emitter.Prototype().batch_size_tokens && !counts_tokens) {
    emitter.Note("the log has no seq_length: give --set sequence_length=TOKENS for its token axis");
  }
  return EmitTextLog(emitter, &log);
}

bool IsLine(std::string_view line) {
  const auto iteration = FindIteration(line);
  if (!iteration) return false;
  const std::string_view fields = line.substr(iteration->fields_at);
  for (const char* name : {"lm loss", "lm_loss", "lm-loss", "consumed samples", "consumed_tokens"}) {
    if (fields.find(name) != std::string_view::npos) return true;
  }
  return false;
}

Match Detect(const Sample& sample) { return MatchLines(sample, &IsLine); }

}  // namespace

SEXTANT_LOG_FORMAT(megatron){.name = "megatron",
                             .about = "Megatron-LM's log, and those of its forks",
                             .detect = &Detect,
                             .read = &ReadMegatron};

}  // namespace sextant::importers
