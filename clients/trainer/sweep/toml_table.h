// SPDX-License-Identifier: Apache-2.0
// One table of a sweep file, read key by key.
#pragma once

#include <absl/strings/str_cat.h>
#include <toml++/toml.h>

#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace sextant::trainer {

// Reads a table's keys, remembers the first thing wrong, and refuses keys that nothing asked for.
class TomlTable {
 public:
  TomlTable(const toml::table* table, std::string name) : table_(table), name_(std::move(name)) {}

  void Number(const char* key, double low, double high, double* value) {
    if (const toml::node* node = Find(key); node != nullptr) *value = ToNumber(*node, key, low, high);
  }
  template <typename Int>
  void Integer(const char* key, double low, double high, Int* value) {
    double number = static_cast<double>(*value);
    Number(key, low, high, &number);
    if (number != std::floor(number)) Fail(key, "must be a whole number");
    *value = static_cast<Int>(number);
  }
  void Text(const char* key, std::string* value) {
    const toml::node* node = Find(key);
    if (node == nullptr) return;
    if (!node->is_string()) return Fail(key, "must be text");
    *value = *node->value<std::string>();
  }
  // A number or a non-empty list of numbers; `fallback` when absent, an error when that is empty too.
  std::vector<double> Numbers(const char* key, double low, double high, std::vector<double> fallback) {
    const toml::node* node = Find(key);
    if (node == nullptr) {
      if (fallback.empty()) Fail(key, "is missing");
      return fallback;
    }
    std::vector<double> values;
    if (const toml::array* list = node->as_array(); list != nullptr) {
      for (const toml::node& item : *list) values.push_back(ToNumber(item, key, low, high));
    } else {
      values.push_back(ToNumber(*node, key, low, high));
    }
    if (values.empty()) Fail(key, "must not be empty");
    return values;
  }
  const toml::node* Find(const char* key) {
    known_.insert(key);
    return table_ == nullptr ? nullptr : table_->get(key);
  }
  const std::string& name() const { return name_; }
  // The first thing wrong is kept.
  void FailWith(const std::string& what) {
    if (error_.empty()) error_ = what;
  }
  void Fail(const std::string& key, const std::string& rule) {
    FailWith(absl::StrCat(name_, name_.empty() ? "" : ".", key, " ", rule));
  }
  // A key that nothing asked for, because a misspelt one also seems to be missing; else the first error.
  std::string Error() {
    if (table_ == nullptr) return error_;
    for (const auto& [key, node] : *table_) {
      if (known_.contains(std::string(key.str()))) continue;
      error_.clear();
      Fail(std::string(key.str()), "is not a key of this table");
      break;
    }
    return error_;
  }

 private:
  double ToNumber(const toml::node& node, const char* key, double low, double high) {
    const std::optional<double> number = node.is_number() ? node.value<double>() : std::nullopt;
    if (!number || !(*number >= low && *number <= high)) {
      Fail(key, absl::StrCat("must be a number from ", low, " to ", high));
      return low;
    }
    return *number;
  }

  const toml::table* table_;
  std::string name_;
  std::set<std::string> known_;
  std::string error_;
};

}  // namespace sextant::trainer
