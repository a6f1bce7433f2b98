// SPDX-License-Identifier: Apache-2.0
// Filters evaluated directly on a run, independently of any SQL.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>

#include "storage/store.h"

namespace sextant::storage {

struct FieldValue {
  bool known = false;
  bool is_text = false;
  double number = 0;
  std::string text;
};

/// A run field's value; state and the integer fields as numbers. InvalidArgument for a field there is not.
absl::StatusOr<FieldValue> ValueOf(const Run& run, const std::string& field);

/// InvalidArgument as Store says.
absl::Status CheckCondition(const Condition& condition);

/// A checked condition's truth.
bool Holds(const Condition& condition, const Run& run);

}  // namespace sextant::storage
