// SPDX-License-Identifier: Apache-2.0
#include "base/declared_name.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/printable.h"
#include "base/run_field_table.h"

namespace sextant {
namespace {

// Members of a run in the API, and words of filters, that the table of fields does not hold.
constexpr std::array<std::string_view, 13> kTaken = {"name",
                                                     "tags",
                                                     "labels",
                                                     "curve",
                                                     "variables",
                                                     "curve_begin",
                                                     "curve_length",
                                                     "AND",
                                                     "OR",
                                                     "NOT",
                                                     "gradient_noise_scale",
                                                     "train_loss",
                                                     "validation_loss"};

// What laws call the standard fields.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kLawNames = {
    {{"N", "the parameters that the study counts"},
     {"D", "tokens"},
     {"C", "6 x parameters x tokens"},
     {"B", "batch_size_tokens"},
     {"S", "steps"},
     {"L", "loss_nats"}}};

bool IsWord(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

bool IsNameChar(char c, bool first) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

}  // namespace

std::string WrongDeclaredName(std::string_view name) {
  const std::string shown = "'" + Printable(name.substr(0, kMaxDeclaredNameBytes)) + "'";
  if (name.empty()) return "a name is empty";
  if (name.size() > kMaxDeclaredNameBytes) {
    return shown + "… is longer than " + std::to_string(kMaxDeclaredNameBytes) + " bytes";
  }
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (!IsNameChar(name[i], i == 0)) {
      return shown + " is not a valid name: use letters, digits and _, and do not begin with a digit";
    }
  }
  for (const auto& [law_name, field] : kLawNames) {
    if (name == law_name) {
      return shown + " is what laws call " + std::string(field) + ": record it there, or take another name";
    }
  }
  for (const RunField& field : kRunFields) {
    if (name == field.name || name == field.column) return shown + " is a field that every run has";
    if (IsWord(field.aliases, name)) {
      return shown + " is another name of the field " + field.name +
             ": record it there, or take another name";
    }
  }
  if (std::find(kTaken.begin(), kTaken.end(), name) != kTaken.end())
    return shown + " is a word of its own in runs";
  return {};
}

}  // namespace sextant
