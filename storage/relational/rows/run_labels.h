// SPDX-License-Identifier: Apache-2.0
// Labels of runs, each with the sources that give it: {"label":"source source"} in a run's row.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/relational/sql/connection.h"
#include "storage/store.h"

namespace sextant::storage::relational {

/// The stored form of the labels that came with a run.
std::string UploadedLabels(const std::vector<std::string>& labels);

/// The labels of a stored form, sorted. DataLoss if it is damaged.
absl::Status ReadLabels(std::string_view stored, std::vector<std::string>& labels);

/// The stored form of one run. NotFound without the run.
absl::StatusOr<std::string> StoredLabels(Connection& connection, std::int64_t study_key,
                                         const std::string& run_id);

/// As Transaction::SetRunLabels says, inside the caller's transaction.
absl::Status SetRunLabels(Connection& connection, const std::string& study_id, const std::string& source,
                          std::span<const RunLabels> labels, LabelScope scope);

}  // namespace sextant::storage::relational
