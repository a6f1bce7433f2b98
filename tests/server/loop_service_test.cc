// SPDX-License-Identifier: Apache-2.0
// The loop over the wire: comparisons, suggestions and predictions without a fit.
#include <absl/strings/str_cat.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <cmath>

#include "sextant/v1/comparison_service.grpc.pb.h"
#include "sextant/v1/suggestion_service.grpc.pb.h"
#include "tests/server/service_fixture.h"

namespace sextant::server {
namespace {

class LoopServiceTest : public ServiceTest {
 protected:
  void SetUp() override {
    Start();
    Connect();
  }

  void Connect() {
    const auto channel = grpc::CreateChannel(server->addresses()[0], grpc::InsecureChannelCredentials());
    comparisons = v1::ComparisonService::NewStub(channel);
    suggestions = v1::SuggestionService::NewStub(channel);
  }

  // L = 1.7 + (30 / multiplier^0.1) C^-0.1 at five budgets.
  void UploadLadder(const std::string& study, double multiplier) {
    CreateStudy(study);
    std::vector<v1::Run> ladder;
    for (int i = 0; i < 5; ++i) {
      const double n = 2e7 * std::pow(2.0, i), d = 20 * n;
      v1::Run run = SomeRun(absl::StrCat("run-", i), n, d);
      const double noise = 1 + 2e-4 * ((i * 7) % 3 - 1);
      run.set_loss_nats((1.7 + 30 * std::pow(6 * n * d * multiplier, -0.1)) * noise);
      ladder.push_back(run);
    }
    Upload(study, ladder);
  }

  std::unique_ptr<v1::ComparisonService::Stub> comparisons;
  std::unique_ptr<v1::SuggestionService::Stub> suggestions;
};

TEST_F(LoopServiceTest, ComparesTwoStudies) {
  UploadLadder("a", 1);
  UploadLadder("b", 1.5);
  v1::CompareStudiesRequest request;
  request.set_baseline("studies/a");
  request.set_candidate("studies/b");
  v1::CompareStudiesResponse response;
  Context context;
  const grpc::Status status = comparisons->CompareStudies(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_NEAR(response.compute_multiplier().value(), 1.5, 0.1);
  EXPECT_EQ(response.verdict(), "better");
  EXPECT_EQ(response.common_size(), 5);
  EXPECT_EQ(response.projections_size(), 2);
  EXPECT_EQ(response.noise().source(), "residuals");
}

TEST_F(LoopServiceTest, RefusesComparisonsThatCannotBe) {
  UploadLadder("a", 1);
  CreateStudy("empty");
  const auto compare = [&](const v1::CompareStudiesRequest& request) {
    v1::CompareStudiesResponse response;
    Context context;
    return comparisons->CompareStudies(&context, request, &response);
  };
  v1::CompareStudiesRequest request;
  request.set_baseline("studies/a");
  request.set_candidate("studies/nowhere");
  EXPECT_EQ(compare(request).error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_candidate("studies/empty");
  EXPECT_EQ(Reason(compare(request)), "DESIGN_NOT_IDENTIFIABLE");
  request.set_floor("pinned");
  EXPECT_EQ(compare(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.set_floor_value(-1);
  EXPECT_EQ(compare(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(LoopServiceTest, SuggestsAFirstDesignForAnEmptyStudy) {
  CreateStudy("s");
  v1::SuggestRunsRequest request;
  request.set_study("studies/s");
  request.set_target_params(1e9);
  request.set_target_tokens(2e10);
  request.set_budget_flops(1e19);
  v1::SuggestRunsResponse response;
  Context context;
  const grpc::Status status = suggestions->SuggestRuns(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_GE(response.runs_size(), 3);
  EXPECT_LE(response.flops(), 1e19);
  EXPECT_GE(response.laws_size(), 4);
  const v1::Quantity &before = response.target().before(), &after = response.target().after();
  EXPECT_LT(after.high() / after.low(), before.high() / before.low());
  request.set_budget_flops(-1);
  Context second;
  EXPECT_EQ(suggestions->SuggestRuns(&second, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(LoopServiceTest, PublishedLawsStandInWhereAStudyHasNoFit) {
  CreateStudy("s");
  v1::PredictRequest request;
  request.set_params(1e9);
  request.set_tokens(2e10);
  request.add_studies("studies/s");
  v1::PredictResponse empty, with_runs;
  Context context;
  ASSERT_TRUE(predictions->Predict(&context, request, &empty).ok());
  ASSERT_EQ(empty.predictions_size(), 1);
  EXPECT_EQ(empty.predictions(0).laws(0), "consensus");
  EXPECT_GT(empty.predictions(0).learning_rate().value(), 1e-4);
  EXPECT_TRUE(empty.predictions(0).has_batch_size_tokens());
  // A small sweep whose optimum lies at 8e-3 moves the answer up and narrows it.
  std::vector<v1::Run> sweep;
  for (int i = -2; i <= 2; ++i) {
    for (int j = -2; j <= 2; ++j) {
      v1::Run run = SomeRun(absl::StrCat("r", i, "-", j), 2e7, 4e8, 8e-3 * std::pow(2.0, i));
      run.set_batch_size_tokens(65536 * std::pow(2.0, j));
      run.set_loss_nats(3.5 * std::exp(0.01 * 0.48 * (2.4 * i * i + 1.5 * j * j)));
      sweep.push_back(run);
    }
  }
  Upload("s", sweep);
  Context second;
  ASSERT_TRUE(predictions->Predict(&second, request, &with_runs).ok());
  const v1::Quantity &before = empty.predictions(0).learning_rate(),
                     &after = with_runs.predictions(0).learning_rate();
  EXPECT_GT(after.value(), before.value());
}

}  // namespace
}  // namespace sextant::server
