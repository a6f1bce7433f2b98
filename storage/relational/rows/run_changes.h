// SPDX-License-Identifier: Apache-2.0
// Which state a study's runs are in, as a number: the row of `counters` that whatever changes runs moves on.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>

#include "storage/relational/sql/connection.h"

namespace sextant::storage::relational {

/// How often the study's runs were changed: never the same for two committed states of a study key, even when
/// a deleted study's key is used again.
absl::StatusOr<std::int64_t> RunChanges(Connection& connection, std::int64_t study_key);
/// Called by whatever changes runs, in its transaction.
absl::Status CountRunChange(Connection& connection, std::int64_t study_key);
/// Called by whatever deletes the study.
absl::Status ForgetRunChanges(Connection& connection, std::int64_t study_key);

}  // namespace sextant::storage::relational
