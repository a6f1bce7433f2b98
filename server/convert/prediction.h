// SPDX-License-Identifier: Apache-2.0
// Predictions.
#pragma once

#include <absl/status/statusor.h>

#include "fitting/predict.h"
#include "sextant/v1/prediction_service.pb.h"

namespace sextant::server {

/// INVALID_ARGUMENT with every violation.
absl::StatusOr<fitting::PredictionTarget> TargetFromProto(const v1::PredictRequest& request);

/// Adds what `prediction` answers to the response as one entry (none if it answers nothing), and what it
/// withholds to `unanswered`.
void AddPrediction(const fitting::Prediction& prediction, v1::PredictResponse& response);

}  // namespace sextant::server
