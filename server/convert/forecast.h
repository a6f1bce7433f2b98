// SPDX-License-Identifier: Apache-2.0
// Forecast messages and records.
#pragma once

#include <absl/status/statusor.h>

#include "server/fit_table.h"
#include "sextant/v1/forecast_service.pb.h"
#include "storage/records.h"

namespace sextant::server {

/// What is to be predicted for a forecast of `parent`, checked: sources filled in, nothing that a forecast
/// cannot keep. INVALID_ARGUMENT with every violation.
absl::StatusOr<v1::PredictRequest> ForecastTarget(const v1::CreateForecastRequest& request);

/// The record of a prediction: everything but id, time and seal.
storage::Forecast ForecastFromPrediction(const v1::PredictRequest& target, const v1::Prediction& prediction,
                                         const storage::Study& study, const FitTable::Snapshot& fits);

void ForecastToProto(const storage::Forecast& forecast, v1::Forecast& message);
void ScoreToProto(const storage::ForecastScore& score, const std::string& study, v1::QuantityScore& message);

/// What was forecast of a quantity; null for nothing.
const storage::ForecastQuantity* FindQuantity(const storage::Forecast& forecast, const std::string& name);
/// The quantity as a message: what is NaN is absent.
void ForecastQuantityToProto(const storage::ForecastQuantity& quantity, v1::Quantity& message);

}  // namespace sextant::server
