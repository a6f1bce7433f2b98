// SPDX-License-Identifier: Apache-2.0
// How predictions are shown.
#pragma once

#include <set>
#include <string>

#include "clients/cli/session.h"
#include "sextant/v1/curve_service.pb.h"
#include "sextant/v1/prediction_service.pb.h"

namespace sextant::cli {

/// Proto JSON; or one row a source with the quantities that any source answers, their intervals and
/// near-optimal bands, the warnings below, then what was not answered and why. CSV has one row a source and
/// quantity.
/// In tables, what `quiet` holds is counted and not printed.
struct QuietLaws {
  std::set<std::string> notes;         ///< standing remarks of laws, as they come among the warnings
  std::set<std::string> inapplicable;  ///< ids of laws whose variables no prediction target supplies
};
int PrintPredictions(const Session& session, const v1::PredictRequest& request,
                     const v1::PredictResponse& response, const QuietLaws& quiet);

/// What answered: a law by its id, fits by study, and by id when the study has but one here.
std::string PredictionSource(const v1::Prediction& prediction);

/// Expected excess loss over a grid: rates down, batches across; JSON and CSV give one point a row.
int PrintPenalties(const Session& session, const v1::PredictPenaltyResponse& response);

/// The forecast of a run in flight.
int PrintForecast(const Session& session, const v1::ForecastRunResponse& response);

}  // namespace sextant::cli
