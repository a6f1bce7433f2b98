// SPDX-License-Identifier: Apache-2.0
// The fields of a run that a column or key can supply, and the rule each value must meet.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/run_field_table.h"
#include "clients/importers/run_record.h"

namespace sextant::importers {

/// A quantity of base/run_field_table.h as importers read it.
struct NumberField {
  std::string name;  ///< as in the API
  std::optional<double> RunQuantities<std::optional<double>>::*member;
  NumberRule rule;
  /// Other names that mean the same in the same unit, in order of preference.
  std::vector<std::string> aliases;
};

const std::vector<NumberField>& NumberFields();
/// Null if there is none of that name.
const NumberField* FindNumberField(std::string_view name);

/// Fields that hold text: run_id, schedule, optimizer, state, seed, labels; and tags.KEY for any KEY.
struct TextField {
  std::string name;
  std::vector<std::string> aliases;
};
const std::vector<TextField>& TextFields();

/// Every field name, for messages and suggestions ("tags.KEY" stands for all tags).
std::vector<std::string> FieldNames();
bool IsFieldName(std::string_view name);

/// What is wrong with `value` for the field, or empty.
std::string CheckNumber(const NumberField& field, double value);

/// Sets a field from its text. Returns what is wrong, or empty. A blank `text` is "missing".
std::string SetField(std::string_view field, std::string_view text, ImportedRun* run);

}  // namespace sextant::importers
