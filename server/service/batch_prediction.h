// SPDX-License-Identifier: Apache-2.0
// The stream of PredictionService.PredictBatch.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <vector>

#include "server/core.h"
#include "server/predict_sources.h"
#include "sextant/v1/prediction_service.pb.h"

namespace sextant::server {

/// Answers piece by piece, on a heavy thread each, the next one when the client has taken the last. Deletes
/// itself.
class BatchPrediction final : public grpc::ServerWriteReactor<v1::PredictBatchResponse> {
 public:
  /// `request` lives as long as the call.
  static BatchPrediction* Begin(Core& core, grpc::CallbackServerContext& context,
                                const v1::PredictBatchRequest& request);

  void OnWriteDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  BatchPrediction(Core& core, grpc::CallbackServerContext& context, const v1::PredictBatchRequest& request)
      : core_(core), context_(context), request_(request) {}

  absl::Status Check();
  /// Computes and sends the next piece, or ends the call. Nothing may follow it.
  void Send();
  void Work(void (BatchPrediction::*work)());
  void Open();

  Core& core_;
  grpc::CallbackServerContext& context_;
  const v1::PredictBatchRequest& request_;
  std::unique_ptr<QuotaTicket> ticket_;
  std::unique_ptr<IdleStreams::Place> place_;
  std::shared_ptr<const FitTable::Snapshot> fits_;
  std::shared_ptr<const LawTable::Snapshot> laws_;
  std::vector<PredictorGroup> groups_;
  fitting::PredictionTarget target_;  ///< what all targets share
  int next_ = 0;
  bool answered_ = false;
  v1::PredictBatchResponse response_;
};

}  // namespace sextant::server
