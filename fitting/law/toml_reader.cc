// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/toml_reader.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <utility>

#include "fitting/law/expression/suggest.h"

namespace sextant::fitting {
namespace {

std::string Position(const toml::source_region& source) {
  return "line " + std::to_string(source.begin.line) + ", column " + std::to_string(source.begin.column);
}

std::string TypeName(const toml::node& node) {
  std::ostringstream text;
  text << node.type();
  return text.str();
}

}  // namespace

TomlTable::TomlTable(const toml::table& table, std::string where, absl::Status& status)
    : table_(table), where_(std::move(where)), status_(status) {}

void TomlTable::FailAt(const toml::node& node, const std::string& key, const std::string& message) {
  if (!status_.ok()) return;
  const std::string name = where_.empty() ? key : key.empty() ? where_ : where_ + "." + key;
  status_ = absl::InvalidArgumentError("law, " + Position(node.source()) + ": " + name + ": " + message);
}

void TomlTable::Fail(const std::string& key, const std::string& message) {
  const toml::node* node = table_.get(key);
  FailAt(node != nullptr ? *node : static_cast<const toml::node&>(table_), key, message);
}

const toml::node* TomlTable::Take(const std::string& key) {
  known_.push_back(key);
  return status_.ok() ? table_.get(key) : nullptr;
}

bool TomlTable::ReadText(const toml::node& node, const std::string& key, std::string& value) {
  const auto* text = node.as_string();
  if (text == nullptr) {
    FailAt(node, key, "expected a string, found " + TypeName(node));
    return false;
  }
  if (text->get().size() > kMaxTextBytes) {
    FailAt(node, key,
           std::to_string(text->get().size()) + " bytes; at most " + std::to_string(kMaxTextBytes) +
               " are allowed");
    return false;
  }
  if (text->get().find('\0') != std::string::npos) {
    FailAt(node, key, "contains a zero byte");
    return false;
  }
  value = text->get();
  return true;
}

bool TomlTable::ReadNumber(const toml::node& node, const std::string& key, bool allow_infinite,
                           double& value) {
  double number = 0;
  if (const auto* real = node.as_floating_point()) {
    number = real->get();
  } else if (const auto* whole = node.as_integer()) {
    number = static_cast<double>(whole->get());
  } else {
    FailAt(node, key, "expected a number, found " + TypeName(node));
    return false;
  }
  if (std::isnan(number) || (!allow_infinite && std::isinf(number))) {
    FailAt(node, key, allow_infinite ? "expected a number, found nan" : "expected a finite number");
    return false;
  }
  value = number;
  return true;
}

const toml::array* TomlTable::ReadArray(const std::string& key) {
  const toml::node* node = Take(key);
  if (node == nullptr) return nullptr;
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    FailAt(*node, key, "expected an array, found " + TypeName(*node));
  } else if (array->size() > kMaxListEntries) {
    FailAt(*node, key,
           std::to_string(array->size()) + " entries; at most " + std::to_string(kMaxListEntries) +
               " are allowed");
    return nullptr;
  }
  return array;
}

void TomlTable::Text(const std::string& key, std::string& value) {
  if (const toml::node* node = Take(key)) ReadText(*node, key, value);
}

void TomlTable::Texts(const std::string& key, std::vector<std::string>& value) {
  const toml::array* array = ReadArray(key);
  if (array == nullptr) return;
  for (const toml::node& node : *array) {
    std::string text;
    if (!ReadText(node, key, text)) return;
    value.push_back(std::move(text));
  }
}

void TomlTable::Flag(const std::string& key, bool& value) {
  const toml::node* node = Take(key);
  if (node == nullptr) return;
  if (const auto* flag = node->as_boolean()) {
    value = flag->get();
  } else {
    FailAt(*node, key, "expected true or false, found " + TypeName(*node));
  }
}

void TomlTable::Number(const std::string& key, double& value, bool allow_infinite) {
  if (const toml::node* node = Take(key)) ReadNumber(*node, key, allow_infinite, value);
}

void TomlTable::Number(const std::string& key, std::optional<double>& value) {
  const toml::node* node = Take(key);
  double number = 0;
  if (node != nullptr && ReadNumber(*node, key, false, number)) value = number;
}

void TomlTable::Numbers(const std::string& key, std::vector<double>& value) {
  const toml::array* array = ReadArray(key);
  if (array == nullptr) return;
  for (const toml::node& node : *array) {
    double number = 0;
    if (!ReadNumber(node, key, false, number)) return;
    value.push_back(number);
  }
}

void TomlTable::Pair(const std::string& key, Range& value) {
  const toml::array* array = ReadArray(key);
  if (array == nullptr) return;
  if (array->size() != 2) {
    FailAt(*array, key, "expected [low, high]");
    return;
  }
  Range range;
  if (!ReadNumber((*array)[0], key, true, range.low) || !ReadNumber((*array)[1], key, true, range.high))
    return;
  if (range.low > range.high) {
    FailAt(*array, key, "low end is above the high end");
    return;
  }
  value = range;
}

void TomlTable::Pair(const std::string& key, std::optional<Range>& value) {
  if (!Has(key)) {
    known_.push_back(key);
    return;
  }
  Range range;
  Pair(key, range);
  if (ok()) value = range;
}

void TomlTable::NumberMap(const std::string& key, std::map<std::string, double>& value) {
  const toml::node* node = Take(key);
  if (node == nullptr) return;
  const toml::table* table = node->as_table();
  if (table == nullptr) {
    FailAt(*node, key, "expected { name = number, … }, found " + TypeName(*node));
    return;
  }
  for (const auto& [name, entry] : *table) {
    double number = 0;
    if (!ReadNumber(entry, key + "." + std::string(name.str()), false, number)) return;
    value[std::string(name.str())] = number;
  }
}

void TomlTable::Table(const std::string& key, const std::function<void(TomlTable&)>& read) {
  const toml::node* node = Take(key);
  if (node == nullptr) return;
  const toml::table* table = node->as_table();
  if (table == nullptr) {
    FailAt(*node, key, "expected a table, found " + TypeName(*node));
    return;
  }
  TomlTable entry(*table, where_.empty() ? key : where_ + "." + key, status_);
  read(entry);
  entry.Finish();
}

void TomlTable::Tables(const std::string& key, const std::function<void(TomlTable&)>& read) {
  const toml::array* array = ReadArray(key);
  if (array == nullptr) return;
  std::size_t index = 0;
  for (const toml::node& node : *array) {
    const std::string name = key + "[" + std::to_string(index++) + "]";
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      FailAt(node, name, "expected a table, found " + TypeName(node) + "; write [[" + key + "]]");
      return;
    }
    TomlTable entry(*table, name, status_);
    read(entry);
    entry.Finish();
    if (!ok()) return;
  }
}

void TomlTable::Finish() {
  if (!ok()) return;
  for (const auto& [key, node] : table_) {
    const std::string name(key.str());
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    std::string allowed;
    for (const std::string& known : known_) allowed += " " + known;
    const std::string where = where_.empty() ? "" : where_ + ": ";
    status_ =
        absl::InvalidArgumentError("law, " + Position(key.source()) + ": " + where + "unknown key '" + name +
                                   "'" + expression::DidYouMean(name, known_) + "; allowed are" + allowed);
    return;
  }
}

}  // namespace sextant::fitting
