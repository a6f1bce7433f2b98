// SPDX-License-Identifier: Apache-2.0
// sextant.v1.CurveService.
#pragma once

#include "server/core.h"
#include "sextant/v1/curve_service.grpc.pb.h"

namespace sextant::server {

/// What CurveService.ForecastRun answers. Reads the store and computes: call from a heavy thread.
absl::Status ForecastFromCurve(const Core& core, const v1::ForecastRunRequest& request,
                               v1::ForecastRunResponse& response);

/// Stateless; works on threads that may block.
class CurveService final : public v1::CurveService::CallbackService {
 public:
  explicit CurveService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* ExtrapolateCurve(grpc::CallbackServerContext* context,
                                             const v1::ExtrapolateCurveRequest* request,
                                             v1::ExtrapolateCurveResponse* response) override;
  grpc::ServerUnaryReactor* CompareSchedules(grpc::CallbackServerContext* context,
                                             const v1::CompareSchedulesRequest* request,
                                             v1::CompareSchedulesResponse* response) override;
  grpc::ServerUnaryReactor* ForecastRun(grpc::CallbackServerContext* context,
                                        const v1::ForecastRunRequest* request,
                                        v1::ForecastRunResponse* response) override;

 private:
  Core& core_;
};

}  // namespace sextant::server
