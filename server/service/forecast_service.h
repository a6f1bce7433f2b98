// SPDX-License-Identifier: Apache-2.0
// sextant.v1.ForecastService.
#pragma once

#include "server/core.h"
#include "sextant/v1/forecast_service.grpc.pb.h"

namespace sextant::server {

/// The ledger: predictions are made and scored on heavy threads, and committed by the writer. After a change
/// of scores the track records that Predict warns by are taken up again.
class ForecastService final : public v1::ForecastService::CallbackService {
 public:
  explicit ForecastService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* CreateForecast(grpc::CallbackServerContext* context,
                                           const v1::CreateForecastRequest* request,
                                           v1::Forecast* response) override;
  grpc::ServerUnaryReactor* GetForecast(grpc::CallbackServerContext* context,
                                        const v1::GetForecastRequest* request,
                                        v1::Forecast* response) override;
  grpc::ServerUnaryReactor* ListForecasts(grpc::CallbackServerContext* context,
                                          const v1::ListForecastsRequest* request,
                                          v1::ListForecastsResponse* response) override;
  grpc::ServerUnaryReactor* ScoreForecasts(grpc::CallbackServerContext* context,
                                           const v1::ScoreForecastsRequest* request,
                                           v1::ScoreForecastsResponse* response) override;
  grpc::ServerUnaryReactor* DeleteForecast(grpc::CallbackServerContext* context,
                                           const v1::DeleteForecastRequest* request,
                                           google::protobuf::Empty* response) override;
  grpc::ServerWriteReactor<v1::RunOutlook>* WatchRun(grpc::CallbackServerContext* context,
                                                     const v1::WatchRunRequest* request) override;

 private:
  Core& core_;
};

}  // namespace sextant::server
