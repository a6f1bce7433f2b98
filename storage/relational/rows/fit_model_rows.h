// SPDX-License-Identifier: Apache-2.0
// The model of a fit: its kind, and the tables of those kinds that need more than the report.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <vector>

#include "fitting/fit_result.h"
#include "storage/relational/sql/connection.h"

namespace sextant::storage::relational {

/// The number in fits.model.
std::int64_t ModelKind(const fitting::FitModel& model);

/// Writes what the tables of the model hold, its replicates excepted (they are an array of the fit).
absl::Status InsertFitModel(Connection& connection, std::int64_t fit_key, const fitting::FitModel& model);

/// Sets `result.model` to the kind and reads what the tables hold. `log_low` and `log_high` are the ends of
/// the near-optimal region; `replicates` those of the model. Errors are the database's; `damage` says what of
/// the model itself is missing or unknown.
absl::Status SelectFitModel(Connection& connection, std::int64_t fit_key, std::int64_t kind, double log_low,
                            double log_high, std::vector<double> replicates, fitting::FitResult& result,
                            std::string& damage);

}  // namespace sextant::storage::relational
