// SPDX-License-Identifier: Apache-2.0
// sextant.v1.CriticalBatchService.
#pragma once

#include "server/core.h"
#include "sextant/v1/critical_batch_service.grpc.pb.h"

namespace sextant::server {

/// Stateless; works on threads that may block.
class CriticalBatchService final : public v1::CriticalBatchService::CallbackService {
 public:
  explicit CriticalBatchService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* EstimateCriticalBatch(grpc::CallbackServerContext* context,
                                                  const v1::EstimateCriticalBatchRequest* request,
                                                  v1::EstimateCriticalBatchResponse* response) override;
  grpc::ServerUnaryReactor* AnalyzeStepsToGoal(grpc::CallbackServerContext* context,
                                               const v1::AnalyzeStepsToGoalRequest* request,
                                               v1::AnalyzeStepsToGoalResponse* response) override;
  grpc::ServerUnaryReactor* AnswerTrajectory(grpc::CallbackServerContext* context,
                                             const v1::AnswerTrajectoryRequest* request,
                                             v1::AnswerTrajectoryResponse* response) override;
  grpc::ServerUnaryReactor* ScoreSubmissions(grpc::CallbackServerContext* context,
                                             const v1::ScoreSubmissionsRequest* request,
                                             v1::ScoreSubmissionsResponse* response) override;
  grpc::ServerUnaryReactor* PlanBatchByNormTest(grpc::CallbackServerContext* context,
                                                const v1::PlanBatchByNormTestRequest* request,
                                                v1::PlanBatchByNormTestResponse* response) override;

 private:
  Core& core_;
};

}  // namespace sextant::server
