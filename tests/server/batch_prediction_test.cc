// SPDX-License-Identifier: Apache-2.0
// PredictBatch: many targets, streamed.
#include <cmath>

#include "server/limits.h"
#include "tests/server/service_fixture.h"

namespace sextant::server {
namespace {

class BatchPredictionTest : public ServiceTest {
 protected:
  void SetUp() override {
    Start();
    CreateStudy("s");
    Upload("s", RateSweep());
    v1::CreateFitRequest request;
    request.set_parent("studies/s");
    request.set_law("lr-power-nd");
    request.set_estimator("band");
    request.set_bootstrap_replicates(100);
    fit_ = Fit(request).name();
  }

  grpc::Status Ask(const v1::PredictBatchRequest& request, std::vector<v1::PredictBatchResponse>* pieces) {
    Context context;
    const auto stream = predictions->PredictBatch(&context, request);
    v1::PredictBatchResponse piece;
    while (stream->Read(&piece)) pieces->push_back(piece);
    return stream->Finish();
  }

  v1::PredictBatchRequest Targets(int count) const {
    v1::PredictBatchRequest request;
    for (int i = 0; i < count; ++i) {
      request.add_params(1e8 * (1 + i % 7));
      request.add_tokens(2e9 * (1 + i % 5));
    }
    request.add_fits(fit_);
    return request;
  }

  std::string fit_;
};

TEST_F(BatchPredictionTest, SaysWhatPredictSaysInOrderAndInPieces) {
  const v1::PredictBatchRequest request = Targets(2 * kBatchPiece + 7);
  std::vector<v1::PredictBatchResponse> pieces;
  const grpc::Status status = Ask(request, &pieces);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(pieces.size(), 3U);
  int next = 0;
  for (const v1::PredictBatchResponse& piece : pieces) {
    EXPECT_EQ(piece.first(), next);
    next += piece.count();
    ASSERT_EQ(piece.predictions_size(), 1);
    EXPECT_EQ(piece.predictions(0).columns(0).value_size(), piece.count());
  }
  EXPECT_EQ(next, request.params_size());
  for (const int i : {0, 3, kBatchPiece - 1}) {
    v1::PredictRequest one;
    v1::PredictResponse answer;
    Context context;
    one.set_params(request.params(i));
    one.set_tokens(request.tokens(i));
    one.add_fits(fit_);
    ASSERT_TRUE(predictions->Predict(&context, one, &answer).ok());
    const v1::Prediction& alone = answer.predictions(0);
    const v1::BatchPredictions& batch = pieces[0].predictions(0);
    ASSERT_EQ(batch.columns(0).quantity(), "learning_rate");
    EXPECT_EQ(batch.columns(0).value(i), alone.learning_rate().value());
    EXPECT_EQ(batch.columns(0).low(i), alone.learning_rate().low());
    EXPECT_EQ(batch.columns(0).high(i), alone.learning_rate().high());
    EXPECT_EQ(batch.extrapolation_params(i), alone.extrapolation().params());
  }
}

TEST_F(BatchPredictionTest, WhatIsNotAnsweredIsNotANumberWithAReason) {
  v1::PredictBatchRequest request = Targets(4);
  request.clear_fits();
  request.add_laws("kaplan-lr");
  request.set_params(2, 1e13);  // the law is refused beyond 1.2e10
  std::vector<v1::PredictBatchResponse> pieces;
  ASSERT_TRUE(Ask(request, &pieces).ok());
  const v1::PredictedColumn& column = pieces[0].predictions(0).columns(0);
  EXPECT_TRUE(std::isfinite(column.value(1)));
  EXPECT_TRUE(std::isnan(column.value(2)));
  ASSERT_EQ(pieces[0].unanswered_size(), 1);
  EXPECT_EQ(pieces[0].unanswered(0).targets(), 1);
  for (int i = 0; i < 4; ++i) request.set_params(i, 1e13);
  pieces.clear();
  EXPECT_EQ(Reason(Ask(request, &pieces)), "ANSWER_WITHHELD");
}

TEST_F(BatchPredictionTest, RefusesWrongTargetsAndTooMany) {
  const auto code = [&](const v1::PredictBatchRequest& request) {
    std::vector<v1::PredictBatchResponse> pieces;
    const grpc::Status status = Ask(request, &pieces);
    EXPECT_TRUE(pieces.empty());
    return status.error_code();
  };
  v1::PredictBatchRequest request = Targets(3);
  request.set_tokens(1, -1);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request = Targets(3);
  request.add_params(1e9);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request = Targets(3);
  request.add_batch_sizes_tokens(1e6);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request = Targets(3);
  request.clear_fits();
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code(Targets(0)), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code(Targets(kMaxBatchTargets + 1)), grpc::StatusCode::INVALID_ARGUMENT);
  request = Targets(3);
  request.set_fits(0, "studies/s/fits/none");
  EXPECT_EQ(code(request), grpc::StatusCode::NOT_FOUND);
}

TEST_F(BatchPredictionTest, AClientMayGoAway) {
  for (int i = 0; i < 2 * kMaxBatchesPerPeer; ++i) {
    Context context;
    const auto stream = predictions->PredictBatch(&context, Targets(5 * kBatchPiece));
    v1::PredictBatchResponse piece;
    ASSERT_TRUE(stream->Read(&piece));
    context.TryCancel();
    while (stream->Read(&piece)) {
    }
    EXPECT_FALSE(stream->Finish().ok());
  }
  std::vector<v1::PredictBatchResponse> pieces;
  EXPECT_TRUE(Ask(Targets(10), &pieces).ok());
}

}  // namespace
}  // namespace sextant::server
