// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/identity.h"

#include <algorithm>

#include "base/sha256.h"
#include "clients/importers/fields.h"
#include "clients/importers/limits.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

bool IsRunIdChar(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("._~+=:@-").find(c) != std::string_view::npos;
}

}  // namespace

bool IsRunId(std::string_view id) {
  if (id.empty() || id.size() > kMaxRunIdBytes) return false;
  for (const char c : id) {
    if (!IsRunIdChar(c)) return false;
  }
  return true;
}

void SetRunId(std::string_view name, ImportedRun* run) {
  // A command line takes what begins with a dash for a flag.
  if (IsRunId(name) && name.front() != '-') {
    run->run_id = std::string(name);
    return;
  }
  constexpr std::size_t kDigestDigits = 8;
  std::string id;
  for (const char c : name.substr(0, kMaxRunIdBytes - kDigestDigits - 1)) id += IsRunIdChar(c) ? c : '-';
  id.erase(0, std::min(id.find_first_not_of('-'), id.size()));
  run->run_id = id + (id.empty() ? "run-" : "-") + Sha256Hex(name).substr(0, kDigestDigits);
  run->tags["run_name"] = std::string(name);
}

std::string DerivedRunId(const ImportedRun& run) {
  std::string text;
  const auto add = [&](std::string_view key, std::string_view value) {
    // Lengths keep "a=b" with "c" apart from "a" with "b=c".
    text.append(key).append("=").append(std::to_string(value.size())).append(":").append(value).append("\n");
  };
  for (const NumberField& field : NumberFields()) {
    const std::optional<double>& value = run.*(field.member);
    if (value) add(field.name, FormatRoundTrip(*value));
  }
  if (!run.schedule.empty()) add("schedule", run.schedule);
  if (!run.optimizer.empty()) add("optimizer", run.optimizer);
  if (run.seed) add("seed", std::to_string(*run.seed));
  if (run.state != ImportedState::kUnspecified) add("state", std::to_string(static_cast<int>(run.state)));
  for (const auto& [key, value] : run.tags) add("tags." + key, value);
  for (const auto& [name, value] : run.variables) add("variables." + name, FormatRoundTrip(value));
  for (const std::string& label : run.labels) add("label", label);
  return "r-" + Sha256Hex(text).substr(0, 20);
}

}  // namespace sextant::importers
