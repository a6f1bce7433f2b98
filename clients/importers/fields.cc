// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/fields.h"

#include <absl/strings/str_split.h>

#include <algorithm>
#include <cmath>

#include "clients/importers/identity.h"
#include "clients/importers/limits.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

constexpr std::string_view kTagPrefix = "tags.";

std::string SetState(std::string_view text, ImportedRun* run) {
  const std::string state = ToLower(text);
  if (state == "finished" || state == "completed" || state == "complete") {
    run->state = ImportedState::kFinished;
  } else if (state == "diverged") {
    run->state = ImportedState::kDiverged;
  } else if (state == "crashed" || state == "failed" || state == "killed") {
    run->state = ImportedState::kCrashed;
  } else if (state == "running") {
    run->state = ImportedState::kRunning;
  } else {
    return "state " + Quoted(text) + " is none of finished, diverged, crashed, running";
  }
  return {};
}

// Labels separated by ';' or ','.
void SetLabels(std::string_view text, ImportedRun* run) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(";,"), text.size());
    const std::string_view label = Trim(text.substr(0, end));
    if (!label.empty() && run->labels.size() < kMaxTags) run->labels.emplace_back(label);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string SetTag(std::string_view key, std::string_view text, ImportedRun* run) {
  if (key.empty() || key.size() > kMaxTextBytes) return "a tag's key is empty or too long";
  if (run->tags.size() >= kMaxTags) return "more than " + std::to_string(kMaxTags) + " tags";
  run->tags[std::string(key)] = std::string(text);
  return {};
}

std::vector<std::string> Words(const char* text) { return absl::StrSplit(text, ' ', absl::SkipEmpty()); }

}  // namespace

const std::vector<NumberField>& NumberFields() {
  static const auto* fields = [] {
    auto* made = new std::vector<NumberField>;
    for (const RunQuantity& quantity : kRunQuantities) {
      if (!quantity.in_imports) continue;
      made->push_back({quantity.name, quantity.imported, quantity.rule, Words(quantity.aliases)});
    }
    return made;
  }();
  return *fields;
}

const NumberField* FindNumberField(std::string_view name) {
  for (const NumberField& field : NumberFields()) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

const std::vector<TextField>& TextFields() {
  static const auto* fields = [] {
    auto* made = new std::vector<TextField>;
    for (const RunField& field : run_field_table::kOthers) {
      if (field.in_imports) made->push_back({field.name, Words(field.aliases)});
    }
    made->push_back({"labels", {}});
    return made;
  }();
  return *fields;
}

std::vector<std::string> FieldNames() {
  std::vector<std::string> names;
  for (const NumberField& field : NumberFields()) names.push_back(field.name);
  for (const TextField& field : TextFields()) names.push_back(field.name);
  names.push_back("tags.KEY");
  return names;
}

bool IsFieldName(std::string_view name) {
  if (name.substr(0, kTagPrefix.size()) == kTagPrefix) return name.size() > kTagPrefix.size();
  const std::vector<std::string> names = FieldNames();
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string CheckNumber(const NumberField& field, double value) {
  const bool diverged_loss = field.rule == NumberRule::kLoss && !std::isfinite(value);
  if (diverged_loss) return {};
  if (!std::isfinite(value)) return field.name + " is not finite";
  const bool zero_allowed = field.rule == NumberRule::kNonNegative || field.rule == NumberRule::kFraction;
  if (value < 0) return field.name + " is negative";
  if (value == 0 && !zero_allowed) return field.name + " is zero";
  if (value >= 1 && field.rule == NumberRule::kFraction) return field.name + " is not below 1";
  return {};
}

std::string SetField(std::string_view field, std::string_view text, ImportedRun* run) {
  const std::string name(field);
  text = Trim(text);
  if (text.empty()) return name + " is missing";
  if (const NumberField* number = FindNumberField(field)) {
    const std::optional<double> value = ParseDouble(text);
    if (!value) return name + " is not a number: " + Quoted(text);
    run->*(number->member) = *value;
    return CheckNumber(*number, *value);
  }
  if (text.size() > kMaxTextBytes)
    return name + " is longer than " + std::to_string(kMaxTextBytes) + " bytes";
  if (!IsValidUtf8(text)) return name + " is not valid UTF-8: " + Quoted(text);
  if (name == "run_id") {
    SetRunId(text, run);
  } else if (name == "schedule") {
    run->schedule = std::string(text);
  } else if (name == "optimizer") {
    run->optimizer = std::string(text);
  } else if (name == "state") {
    return SetState(text, run);
  } else if (name == "seed") {
    run->seed = ParseInt64(text);
    if (!run->seed) return "seed is not a whole number: " + Quoted(text);
  } else if (name == "labels") {
    SetLabels(text, run);
  } else if (field.substr(0, kTagPrefix.size()) == kTagPrefix) {
    return SetTag(field.substr(kTagPrefix.size()), text, run);
  } else {  // what the study declares; nothing else comes here
    const std::optional<double> value = ParseDouble(text);
    if (!value) return name + " is not a number: " + Quoted(text);
    if (!std::isfinite(*value)) return name + " is not finite: leave out what is unknown";
    run->variables[name] = *value;
  }
  return {};
}

}  // namespace sextant::importers
