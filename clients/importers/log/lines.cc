// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/log/lines.h"

#include <algorithm>
#include <filesystem>

namespace sextant::importers {

LastLine LastNumberLine(std::string_view line) { return line.empty() ? LastLine::kNothing : LastLine::kHalf; }

LastLine LastJsonLine(std::string_view line) {
  return !line.empty() && line.front() == '{' && line.back() != '}' ? LastLine::kHalf : LastLine::kWhole;
}

std::optional<double> NumberAfter(std::string_view line, std::string_view key) {
  const std::size_t at = line.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = Trim(line.substr(at + key.size()));
  std::size_t length = 0;
  while (length < rest.size() && length < 64 &&
         (std::isalnum(static_cast<unsigned char>(rest[length])) != 0 ||
          std::string_view("+-.,").find(rest[length]) != std::string_view::npos)) {
    ++length;
  }
  std::string number(rest.substr(0, length));
  number.erase(std::remove(number.begin(), number.end(), ','), number.end());
  // "251.88ms": a unit may follow.
  while (!number.empty() && !ParseDouble(number)) number.pop_back();
  return ParseDouble(number);
}

bool TellsOfKill(std::string_view line) {
  const std::size_t at = line.find("slurmstepd: error: ***");
  return at != std::string_view::npos && line.find("CANCELLED", at) != std::string_view::npos;
}

absl::Status EmitTextLog(Emitter& emitter, LogRun* log) {
  if (!log->has_points()) {
    emitter.Reject(0, absl::StrCat("read as ", emitter.report().format, ", no line has a loss or a rate"));
    return absl::OkStatus();
  }
  NameByPath(emitter, &log->run());
  return log->Emit(emitter, 1);
}

void NameByPath(const Emitter& emitter, ImportedRun* run) {
  if (!run->run_id.empty()) return;
  SetRunId(std::filesystem::path(emitter.run_name()).lexically_normal().string(), run);
}

}  // namespace sextant::importers
