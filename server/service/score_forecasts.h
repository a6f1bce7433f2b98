// SPDX-License-Identifier: Apache-2.0
// ForecastService.ScoreForecasts.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <grpcpp/server_context.h>

#include <string>
#include <utility>
#include <vector>

#include "server/core.h"
#include "sextant/v1/forecast_service.pb.h"

namespace sextant::server {

/// What is to be recorded: forecasts whose scores are not what is stored, by id.
struct NewScores {
  std::string study;
  std::int64_t study_uid = 0;
  std::vector<std::pair<std::string, std::vector<storage::ForecastScore>>> forecasts;
};

/// Reads the store and fills the response; records nothing. Call from a heavy thread.
absl::StatusOr<NewScores> ScoreForecasts(const Core& core, const grpc::CallbackServerContext& context,
                                         const v1::ScoreForecastsRequest& request,
                                         v1::ScoreForecastsResponse& response);

}  // namespace sextant::server
