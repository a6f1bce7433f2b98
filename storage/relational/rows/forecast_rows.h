// SPDX-License-Identifier: Apache-2.0
// Rows of `forecasts` and of the tables that belong to it.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "storage/relational/sql/connection.h"
#include "storage/store.h"

namespace sextant::storage::relational {

// Each as the method of Snapshot or Transaction of the same name says, inside the caller's transaction.
absl::Status PutForecast(Connection& connection, const Forecast& forecast);
absl::Status PutForecastScores(Connection& connection, const std::string& study_id,
                               const std::string& forecast_id, const std::vector<ForecastScore>& scores);
absl::Status DeleteForecast(Connection& connection, const std::string& study_id,
                            const std::string& forecast_id);
absl::StatusOr<Forecast> SelectForecast(Connection& connection, const std::string& study_id,
                                        const std::string& forecast_id);
absl::StatusOr<Page<Forecast>> SelectForecasts(Connection& connection, const std::string& study_id,
                                               std::int64_t limit, const std::string& after);
absl::StatusOr<std::vector<TrackRecord>> SelectTrackRecords(Connection& connection);

}  // namespace sextant::storage::relational
