// SPDX-License-Identifier: Apache-2.0
// sextant.v1.PredictionService.
#pragma once

#include "server/core.h"
#include "sextant/v1/prediction_service.grpc.pb.h"

namespace sextant::server {

/// What Predict answers: from the fit and law tables, and where a study has no fit yet from its runs, which
/// are read. Call from a thread that may block, for long over many replicates. Sources whose scored forecasts
/// failed are named in warnings.
absl::Status AnswerPrediction(const Core& core, const grpc::CallbackServerContext& context,
                              const v1::PredictRequest& request, v1::PredictResponse& response);

/// Answers from the fit and law tables alone: Predict on the calling thread, without SQLite or a queue, where
/// it reads few replicates; what costs more, penalty grids too, on a heavy thread.
class PredictionService final : public v1::PredictionService::CallbackService {
 public:
  explicit PredictionService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context, const v1::PredictRequest* request,
                                    v1::PredictResponse* response) override;
  grpc::ServerUnaryReactor* PredictPenalty(grpc::CallbackServerContext* context,
                                           const v1::PredictPenaltyRequest* request,
                                           v1::PredictPenaltyResponse* response) override;
  grpc::ServerWriteReactor<v1::PredictBatchResponse>* PredictBatch(
      grpc::CallbackServerContext* context, const v1::PredictBatchRequest* request) override;

 private:
  Core& core_;
};

}  // namespace sextant::server
