// sextant.v1.PredictionService.
#pragma once

#include "server/core.h"
#include "sextant/v1/prediction_service.grpc.pb.h"

namespace sextant::server {

/// Answers from the fit and law tables alone, on the calling thread: no SQLite, no queue.
class PredictionService final : public v1::PredictionService::CallbackService {
 public:
  explicit PredictionService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context, const v1::PredictRequest* request,
                                    v1::PredictResponse* response) override;

 private:
  Core& core_;
};

}  // namespace sextant::server
