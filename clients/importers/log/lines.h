// SPDX-License-Identifier: Apache-2.0
// Helpers of the text log readers.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "clients/importers/emit.h"
#include "clients/importers/identity.h"
#include "clients/importers/limits.h"
#include "clients/importers/line_reader.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/text.h"

namespace sextant::importers {

/// What a last line is that no newline ends: a writer may have been stopped, or be at work, within it.
enum class LastLine {
  kNothing,  ///< nothing would be taken from it, whole or not
  kWhole,    ///< it ends as such a line does
  kHalf,     ///< it may go on: a number at its end may lack digits
};
using LastLineRule = LastLine (*)(std::string_view line);

/// What is said of a line that is left out as half written.
inline constexpr char kHalfLine[] =
    "the input ends within this line, which may be half written: left out (a newline behind it makes it "
    "whole)";

/// For lines that are JSON objects: half is what a brace opens and none closes.
LastLine LastJsonLine(std::string_view line);

/// For lines that end in a number each.
LastLine LastNumberLine(std::string_view line);

/// Calls `each(line, number)` for every line; lines beyond the limit are rejected and skipped, and so is a
/// last line without a newline that `last` takes for half of one. Where `each` returns whether it understood
/// the line, the report counts those among all that are not blank.
template <class Each>
absl::Status ForEachLine(ByteSource* source, std::size_t max_bytes, Emitter& emitter, LastLineRule last,
                         Each each) {
  LineReader lines(source, max_bytes);
  while (true) {
    std::string_view line;
    const auto read = lines.Next(&line);
    if (!read.ok()) return read.status();
    if (*read == LineReader::Result::kEnd) return absl::OkStatus();
    if (*read == LineReader::Result::kTooLong) {
      emitter.Reject(lines.line_number(), absl::StrCat("the line is longer than ", max_bytes, " bytes"));
      continue;
    }
    const LastLine kind = lines.ended() ? LastLine::kWhole : last(Trim(line));
    if (kind == LastLine::kWhole) {
      if constexpr (std::is_void_v<decltype(each(line, std::int64_t{}))>) {
        each(line, lines.line_number());
      } else {
        const bool understood = each(line, lines.line_number());
        emitter.report().lines += understood || !Trim(line).empty() ? 1 : 0;
        emitter.report().lines_understood += understood ? 1 : 0;
      }
    }
    if (kind == LastLine::kHalf) emitter.Reject(lines.line_number(), kHalfLine);
  }
}

/// The number right behind `key` in `line` ("loss " in "| loss 4.59 |"), without thousands separators; absent
/// if the key or the number is not there.
std::optional<double> NumberAfter(std::string_view line, std::string_view key);

/// Whether a launcher says in this line that the program was killed: Slurm's "*** JOB 1 CANCELLED AT …".
bool TellsOfKill(std::string_view line);

/// As ForEachLine for a text log of one run: a line that tells of the program's end is noted after what it
/// says otherwise.
template <class Each>
absl::Status ForEachLogLine(LogRun* log, ByteSource* source, std::size_t max_bytes, Emitter& emitter,
                            LastLineRule last, Each each) {
  return ForEachLine(source, max_bytes, emitter, last, [&](std::string_view line, std::int64_t number) {
    const bool understood = each(line, number);
    const bool killed = TellsOfKill(line);
    if (killed) log->SetKilled();
    return understood || killed;
  });
}

/// Ends a text log of one run: names it by its path and emits it. A log without any value of a known metric
/// is a reject, since lines that mean nothing to the reader are not told apart from another file altogether.
absl::Status EmitTextLog(Emitter& emitter, LogRun* log);

/// Names the run of a source that names none by where it stands, unless the user gave an id.
void NameByPath(const Emitter& emitter, ImportedRun* run);

}  // namespace sextant::importers
