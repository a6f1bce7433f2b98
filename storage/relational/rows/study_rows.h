// SPDX-License-Identifier: Apache-2.0
// Rows of `studies`.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

#include "storage/relational/sql/connection.h"
#include "storage/store.h"

namespace sextant::storage::relational {

// Each as the Transaction method of the same name says, inside the caller's transaction.
absl::Status InsertStudy(Connection& connection, const Study& study);
absl::Status UpdateStudy(Connection& connection, const Study& study, std::int64_t expected_revision);
absl::Status DeleteStudy(Connection& connection, const std::string& id);
absl::StatusOr<Study> SelectStudy(Connection& connection, const std::string& id);
absl::StatusOr<Page<Study>> SelectStudies(Connection& connection, std::int64_t limit,
                                          const std::string& after);
absl::StatusOr<StudySize> SelectStudySize(Connection& connection, const std::string& id);

/// The internal key of a study, how it counts parameters, and how many runs it has. NotFound.
struct StudyKey {
  std::int64_t key = 0;
  std::int64_t run_count = 0;
  ParamCount param_count = ParamCount::kUnspecified;
};
absl::StatusOr<StudyKey> FindStudy(Connection& connection, const std::string& id);

/// Adds to a study's running totals.
struct StudyTotals {
  std::int64_t runs = 0, fits = 0, points = 0, curve_bytes = 0, forecasts = 0;
};
absl::Status AddToTotals(Connection& connection, std::int64_t study_key, const StudyTotals& change);

}  // namespace sextant::storage::relational
