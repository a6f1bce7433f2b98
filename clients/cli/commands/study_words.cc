// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/study_words.h"

#include <google/protobuf/descriptor.h>

namespace sextant::cli {
namespace {

// NATS_PER_TOKEN as nats-per-token.
std::string WordOf(std::string name) {
  for (char& c : name) {
    if (c == '_') {
      c = '-';
    } else if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return name;
}

bool ParseWord(const google::protobuf::EnumDescriptor& type, const std::string& word, int* number) {
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0 && WordOf(type.value(i)->name()) == word) {
      *number = type.value(i)->number();
      return true;
    }
  }
  return false;
}

std::string Words(const google::protobuf::EnumDescriptor& type) {
  std::string words;
  for (int i = 1; i < type.value_count(); ++i) {
    words += (i == 1 ? "" : i + 1 == type.value_count() ? " or " : ", ") + WordOf(type.value(i)->name());
  }
  return words;
}

}  // namespace

bool ParseParamCount(const std::string& word, v1::ParamCount* count) {
  int number = 0;
  const bool known = ParseWord(*v1::ParamCount_descriptor(), word, &number);
  *count = static_cast<v1::ParamCount>(number);
  return known;
}

bool ParseLossUnit(const std::string& word, v1::LossUnit* unit) {
  int number = 0;
  const bool known = ParseWord(*v1::LossUnit_descriptor(), word, &number);
  *unit = static_cast<v1::LossUnit>(number);
  return known;
}

std::string ParamCountWord(v1::ParamCount count) {
  return count == 0 ? "" : WordOf(v1::ParamCount_Name(count));
}
std::string LossUnitWord(v1::LossUnit unit) { return unit == 0 ? "" : WordOf(v1::LossUnit_Name(unit)); }
std::string ParamCountWords() { return Words(*v1::ParamCount_descriptor()); }
std::string LossUnitWords() { return Words(*v1::LossUnit_descriptor()); }

std::string ParamsFieldOf(v1::ParamCount count) {
  switch (count) {
    case v1::NON_EMBEDDING:
      return "params_non_embedding";
    case v1::TOTAL:
      return "params_total";
    case v1::NON_INPUT_EMBEDDING:
      return "params_non_input_embedding";
    case v1::ACTIVE:
      return "params_active";
    default:
      return {};
  }
}

}  // namespace sextant::cli
