// SPDX-License-Identifier: Apache-2.0
// sextant.v1.PlanningService.
#pragma once

#include "server/core.h"
#include "sextant/v1/planning_service.grpc.pb.h"

namespace sextant::server {

/// Answers from the fit and law tables; a floor's profile reads runs too. All of it runs on a heavy thread.
class PlanningService final : public v1::PlanningService::CallbackService {
 public:
  explicit PlanningService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* Plan(grpc::CallbackServerContext* context, const v1::PlanRequest* request,
                                 v1::PlanResponse* response) override;
  grpc::ServerUnaryReactor* ListShapes(grpc::CallbackServerContext* context,
                                       const v1::ListShapesRequest* request,
                                       v1::ListShapesResponse* response) override;
  grpc::ServerUnaryReactor* ProfileFloor(grpc::CallbackServerContext* context,
                                         const v1::ProfileFloorRequest* request,
                                         v1::ProfileFloorResponse* response) override;

 private:
  Core& core_;
};

}  // namespace sextant::server
