// SPDX-License-Identifier: Apache-2.0
// Fits as charts: the law with its interval over the data that it was fitted to, and beyond.
#pragma once

#include "clients/cli/chart/chart.h"
#include "clients/cli/session.h"
#include "sextant/v1/fit_service.pb.h"
#include "sextant/v1/prediction_service.pb.h"

namespace sextant::cli {

/// The law over tokens (one line per N), parameters, compute or loss, whichever it is in; solid over the
/// fitted range and dashed beyond it, with the 90 % interval. Points: runs of a law of the loss, else the
/// best run of each cell; hollow where they were held out. Laws in other variables are refused. The fit has
/// succeeded.
int FitChart(Session& session, const v1::Fit& fit, chart::Chart* chart);

/// For each quantity that `response` answers, what its sources say over tokens around the request's target.
int PredictionCharts(Session& session, const v1::PredictRequest& request, const v1::PredictResponse& response,
                     std::vector<chart::Chart>* charts);

/// The quantity of this name in `prediction` ("loss", "learning_rate", …, or one of `other`); false without.
bool QuantityOf(const v1::Prediction& prediction, const std::string& name, v1::Quantity* quantity);

/// "learning rate", "loss (nats per token)".
std::string QuantityLabel(const std::string& name, const std::string& loss_unit);

}  // namespace sextant::cli
