// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>

#include "tests/server/service_fixture.h"

namespace sextant::server {
namespace {

class PredictionServiceTest : public ServiceTest {
 protected:
  PredictionServiceTest() { Start(); }

  grpc::Status Predict(const v1::PredictRequest& request, v1::PredictResponse& response) {
    Context context;
    return predictions->Predict(&context, request, &response);
  }
  static v1::PredictRequest Target(double params = 1e9, double tokens = 1e11) {
    v1::PredictRequest request;
    request.set_params(params);
    request.set_tokens(tokens);
    return request;
  }
  v1::Fit RateFit() {
    v1::CreateFitRequest request;
    request.set_parent("studies/s");
    request.set_law("lr-power-nd");
    request.set_estimator("band");
    request.set_bootstrap_replicates(100);
    return Fit(request);
  }
};

TEST_F(PredictionServiceTest, AnswersWithEveryPublishedLawWhenNoneIsChosen) {
  v1::PredictResponse response, study;
  ASSERT_TRUE(Predict(Target(), response).ok());
  v1::ServerInfo info;
  Context context;
  ASSERT_TRUE(system->GetServerInfo(&context, v1::GetServerInfoRequest(), &info).ok());
  // What they say together comes first.
  EXPECT_EQ(response.predictions_size() + response.unanswered_size(), info.published_law_count() + 1)
      << "every law answers or says why not";
  EXPECT_EQ(response.predictions(0).laws(0), "consensus");
  response.mutable_predictions()->DeleteSubrange(0, 1);
  v1::PredictRequest request = Target();
  request.add_studies("studies/published");
  ASSERT_TRUE(Predict(request, study).ok());
  EXPECT_EQ(study.DebugString(), response.DebugString());
}

TEST_F(PredictionServiceTest, EvaluatesTheStepLaw) {
  v1::PredictRequest request = Target();
  request.add_laws("step-law-lr");
  v1::PredictResponse response;
  ASSERT_TRUE(Predict(request, response).ok());
  ASSERT_EQ(response.predictions_size(), 1);
  // Li et al. 2025: 1.79 N^-0.713 D^0.307.
  EXPECT_NEAR(response.predictions(0).learning_rate().value(),
              1.79 * std::pow(1e9, -0.713) * std::pow(1e11, 0.307), 1e-12);
  EXPECT_EQ(response.predictions(0).laws(0), "step-law-lr");
}

TEST_F(PredictionServiceTest, ServesAFitOfAStudyAndTheStudyAlike) {
  CreateStudy("s");
  Upload("s", RateSweep());
  v1::PredictRequest by_study = Target();
  by_study.add_studies("studies/s");
  v1::PredictResponse response;
  ASSERT_TRUE(Predict(by_study, response).ok());
  EXPECT_EQ(response.predictions(0).laws(0), "consensus") << "a study without a fit";
  const v1::Fit fit = RateFit();
  ASSERT_EQ(fit.state(), v1::FIT_SUCCEEDED) << fit.error().message();
  v1::PredictRequest by_fit = Target();
  by_fit.add_fits(fit.name());
  v1::PredictResponse from_fit, from_study;
  ASSERT_TRUE(Predict(by_fit, from_fit).ok());
  ASSERT_TRUE(Predict(by_study, from_study).ok());
  EXPECT_EQ(from_fit.DebugString(), from_study.DebugString());
  ASSERT_EQ(from_fit.predictions_size(), 1);
  const v1::Quantity& rate = from_fit.predictions(0).learning_rate();
  EXPECT_NEAR(rate.value(), 2 * std::pow(1e9, -0.7) * std::pow(1e11, 0.25), 1e-9);
  EXPECT_LE(rate.low(), rate.value());
  EXPECT_GE(rate.high(), rate.value());
  EXPECT_NEAR(from_fit.predictions(0).extrapolation().params(), 1e9 / 1.6e8, 1e-6);
  Restart();
  v1::PredictResponse after;
  ASSERT_TRUE(Predict(by_study, after).ok());
  EXPECT_EQ(after.DebugString(), from_fit.DebugString()) << "a restart changes no prediction";
}

TEST_F(PredictionServiceTest, AveragesTheStudysLossFitsAndSaysSo) {
  CreateStudy("s");
  std::vector<v1::Run> sweep = RateSweep();
  for (v1::Run& run : sweep) run.set_loss_nats(run.loss_nats() + 1e3 / std::pow(run.tokens(), 0.37));
  Upload("s", sweep);
  const auto fit = [&](const char* law) {
    v1::CreateFitRequest request;
    request.set_parent("studies/s");
    request.set_law(law);
    request.set_bootstrap_replicates(20);
    v1::Fit made = Fit(request);
    EXPECT_EQ(made.state(), v1::FIT_SUCCEEDED) << law << ": " << made.error().message();
    EXPECT_EQ(made.runs(), "cell-best");
    EXPECT_EQ(made.runs_used(), 9);
    EXPECT_EQ(made.runs_considered(), 81);
    return made;
  };
  const auto predict = [&](const std::string& named) {
    v1::PredictRequest request = Target();
    named.empty() ? request.add_studies("studies/s") : request.add_fits(named);
    v1::PredictResponse response;
    EXPECT_TRUE(Predict(request, response).ok());
    return response.predictions_size() == 1 ? response.predictions(0) : v1::Prediction();
  };
  const v1::Fit chinchilla = fit("loss-chinchilla");
  EXPECT_EQ(predict("").loss().value(), predict(chinchilla.name()).loss().value());
  const v1::Fit kaplan = fit("loss-kaplan");
  const v1::Prediction both = predict("");
  EXPECT_EQ(both.fits_size(), 2);
  const double one = predict(chinchilla.name()).loss().value(), other = predict(kaplan.name()).loss().value();
  EXPECT_GE(both.loss().value(), std::min(one, other));
  EXPECT_LE(both.loss().value(), std::max(one, other));
  EXPECT_LE(both.loss().low(), both.loss().parameter_low());
  Restart();
  EXPECT_EQ(predict("").DebugString(), both.DebugString()) << "a restart changes no prediction";
  const v1::Fit average = fit("loss-average");
  EXPECT_GE(average.averaged_size(), 2);
  EXPECT_EQ(predict("").fits(0), average.name());
  Restart();
  EXPECT_EQ(predict("").loss().DebugString(), predict(average.name()).loss().DebugString());
}

TEST_F(PredictionServiceTest, WithholdsBeyondTheLimitAndSaysHowFar) {
  CreateStudy("s");
  Upload("s", RateSweep());
  RateFit();
  v1::PredictRequest request = Target(1e12, 1e13);
  request.add_studies("studies/s");
  request.set_max_extrapolation(10);
  v1::PredictResponse response;
  const grpc::Status status = Predict(request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(Reason(status), "EXTRAPOLATION_LIMIT");
  request.clear_max_extrapolation();
  EXPECT_TRUE(Predict(request, response).ok());
}

TEST_F(PredictionServiceTest, WithholdsWhatALawCannotSay) {
  // Kaplan's rule for the rate turns negative above about 1.2e10 parameters.
  v1::PredictRequest request = Target(1e12, 1e13);
  request.add_laws("kaplan-lr");
  v1::PredictResponse response;
  const grpc::Status status = Predict(request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION) << status.error_message();
  EXPECT_EQ(Reason(status), "ANSWER_WITHHELD");
}

TEST_F(PredictionServiceTest, NamesWhatItDoesNotKnow) {
  CreateStudy("s");
  v1::PredictResponse response;
  const auto reason = [&](const std::string& study, const std::string& fit, const std::string& law) {
    v1::PredictRequest request = Target();
    if (!study.empty()) request.add_studies(study);
    if (!fit.empty()) request.add_fits(fit);
    if (!law.empty()) request.add_laws(law);
    return Reason(Predict(request, response));
  };
  EXPECT_EQ(reason("studies/none", "", ""), "STUDY_NOT_FOUND");
  EXPECT_EQ(reason("none", "", ""), "INVALID_FIELD");
  EXPECT_EQ(reason("", "studies/s/fits/none", ""), "FIT_NOT_FOUND");
  EXPECT_EQ(reason("", "", "none"), "LAW_NOT_FOUND");
  EXPECT_EQ(reason("", "", "lr-power-nd"), "LAW_NOT_PUBLISHED");
  EXPECT_EQ(Reason(Predict(v1::PredictRequest(), response)), "INVALID_FIELD");
}

TEST_F(PredictionServiceTest, AFailedFitSaysWhyItDoesNotPredict) {
  CreateStudy("s");
  v1::CreateFitRequest create;
  create.set_parent("studies/s");
  create.set_law("lr-power-nd");
  const v1::Fit fit = Fit(create);
  ASSERT_EQ(fit.state(), v1::FIT_FAILED);
  v1::PredictRequest request = Target();
  request.add_fits(fit.name());
  v1::PredictResponse response;
  const grpc::Status status = Predict(request, response);
  EXPECT_EQ(Reason(status), "FIT_NOT_READY");
  EXPECT_THAT(status.error_message(), ::testing::HasSubstr(fit.error().message()));
}

}  // namespace
}  // namespace sextant::server
