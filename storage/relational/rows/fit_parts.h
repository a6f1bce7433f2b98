// SPDX-License-Identifier: Apache-2.0
// The lists, maps and arrays of a FitResult, each in a table of its own keyed by fit_key.
#pragma once

#include <absl/status/status.h>

#include <cstdint>

#include "fitting/fit_result.h"
#include "storage/relational/sql/connection.h"

namespace sextant::storage::relational {

absl::Status InsertFitParts(Connection& connection, std::int64_t fit_key, const fitting::FitResult& result);
/// Fills the lists, maps and arrays of `result`. DataLoss for an array that is not whole doubles.
/// `model_kind` and the ends of the near-optimal region come from the fit's row. Errors are the database's;
/// `damage` says why the result that was read cannot be computed with, and is empty when it can.
absl::Status SelectFitParts(Connection& connection, std::int64_t fit_key, std::int64_t model_kind,
                            double log_low, double log_high, fitting::FitResult& result, std::string& damage);

}  // namespace sextant::storage::relational
