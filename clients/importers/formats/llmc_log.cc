// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

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

absl::Status ReadLlmcLog(ByteSource* source, Emitter& emitter) {
  LogRun log(emitter);
  log.ComeInOrder();
  bool coarse_rate = false;
  const absl::Status read = ForEachLine(
      source, kMaxCsvLineBytes, emitter, LastNumberLine, [&](std::string_view line, std::int64_t number) {
        line = Trim(line);
        if (line.empty()) return false;
        std::optional<std::int64_t> step;
        if (line.substr(0, 2) == "s:") step = ParseInt64(line.substr(2, line.find(' ') - 2));
        if (!step || *step < 0 || *step > kMaxStep) {
          emitter.Reject(number, "not a line of an llm.c log: " + Quoted(line));
          return false;
        }
        ForEachPair(line, [&](std::string_view key, std::string_view text) {
          const auto value = ParseDouble(text);
          if (key == "s" || !value) return;
          // Validation is measured before update `step`, counted from 0; everything else after it.
          log.AddPoint(key, key == "tel" ? *step : *step + 1, *value);
          coarse_rate |= key == "lr" && *value > 0 && *value < kCoarseRate;
        });
        return true;
      });
  if (!read.ok()) return read;
  if (coarse_rate) log.AddLabel("coarse-rate");
  return EmitTextLog(emitter, &log);
}

bool IsLine(std::string_view line) {
  return line.substr(0, 2) == "s:" &&
         (NumberAfter(line, " tel:") || NumberAfter(line, " trl:") || NumberAfter(line, " eval:"));
}

Match Detect(const Sample& sample) { return MatchLines(sample, &IsLine); }

}  // namespace

SEXTANT_LOG_FORMAT(llmc_log){
    .name = "llmc-log", .about = "llm.c's main.log", .detect = &Detect, .read = &ReadLlmcLog};

}  // namespace sextant::importers
