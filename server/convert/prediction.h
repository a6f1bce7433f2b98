// SPDX-License-Identifier: Apache-2.0
// Predictions.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "fitting/predict.h"
#include "server/error.h"
#include "sextant/v1/prediction_service.pb.h"

namespace sextant::server {

void QuantityToProto(const fitting::Quantity& quantity, v1::Quantity& message);

/// "field: what is wrong" as violations; a problem that names no field is one of `otherwise`.
std::vector<FieldViolation> Violations(const std::vector<std::string>& problems,
                                       const std::string& otherwise);

/// INVALID_ARGUMENT with every violation.
absl::StatusOr<fitting::PredictionTarget> TargetFromProto(const v1::PredictRequest& request);

/// Adds what `prediction` answers to the response as one entry (none if it answers nothing), and what it
/// withholds to `unanswered`.
void AddPrediction(const fitting::Prediction& prediction, v1::PredictResponse& response);

}  // namespace sextant::server
