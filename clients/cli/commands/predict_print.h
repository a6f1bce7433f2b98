// How predictions are shown.
#pragma once

#include <string>

#include "clients/cli/session.h"
#include "sextant/v1/prediction_service.pb.h"

namespace sextant::cli {

/// Proto JSON; or one row a source with the quantities that any source answers, their intervals and
/// near-optimal bands, the warnings below, then what was not answered and why. CSV has one row a source and
/// quantity.
int PrintPredictions(const Session& session, const v1::PredictRequest& request,
                     const v1::PredictResponse& response);

}  // namespace sextant::cli
