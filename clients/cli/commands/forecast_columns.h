// SPDX-License-Identifier: Apache-2.0
// How forecasts and their scores are printed.
#pragma once

#include <string>
#include <vector>

#include "clients/cli/output/records.h"
#include "sextant/v1/forecast_service.pb.h"

namespace sextant::cli {

/// Columns of a listing, and lines of one forecast.
std::vector<RecordColumn> ForecastColumns();

/// "2.31 [2.2, 2.4]"; "-" where there is none.
std::string QuantityText(bool has, const v1::Quantity& quantity, bool count);

/// A scoring as tables: the total, the groups, and each forecast.
int PrintScores(const Session& session, const v1::ScoreForecastsResponse& response);

}  // namespace sextant::cli
