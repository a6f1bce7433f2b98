// SPDX-License-Identifier: Apache-2.0
// The ledger over the wire: sealed before the run, scored after it, and what predictions say of a source that
// failed.
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <sqlite3.h>

#include <cmath>
#include <fstream>

#include "sextant/v1/forecast_service.grpc.pb.h"
#include "tests/server/service_fixture.h"

namespace sextant::server {
namespace {

using testing::HasSubstr;

constexpr double kParams = 6.4e8, kTokens = 6.4e10;

class ForecastServiceTest : public ServiceTest {
 protected:
  ForecastServiceTest() {
    Start();
    Connect();
    CreateStudy("s");
    Upload("s", RateSweep());
    v1::CreateFitRequest rate;
    rate.set_parent("studies/s");
    rate.set_law("lr-power-nd");
    rate.set_estimator("band");
    rate.set_bootstrap_replicates(100);
    fit_name = Fit(rate).name();
  }

  void Connect() {
    forecasts = v1::ForecastService::NewStub(
        grpc::CreateChannel(server->addresses()[0], grpc::InsecureChannelCredentials()));
  }

  static v1::CreateForecastRequest Wanted(const std::string& id = "") {
    v1::CreateForecastRequest request;
    request.set_parent("studies/s");
    request.set_forecast_id(id);
    request.mutable_target()->set_params(kParams);
    request.mutable_target()->set_tokens(kTokens);
    return request;
  }
  grpc::Status Create(const v1::CreateForecastRequest& request, v1::Forecast& forecast) {
    Context context;
    return forecasts->CreateForecast(&context, request, &forecast);
  }
  v1::Forecast MustCreate(const v1::CreateForecastRequest& request) {
    v1::Forecast forecast;
    const grpc::Status status = Create(request, forecast);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return forecast;
  }
  grpc::Status Score(const v1::ScoreForecastsRequest& request, v1::ScoreForecastsResponse& response) {
    Context context;
    response.Clear();
    return forecasts->ScoreForecasts(&context, request, &response);
  }
  v1::ScoreForecastsResponse MustScore() {
    v1::ScoreForecastsRequest request;
    request.set_parent("studies/s");
    v1::ScoreForecastsResponse response;
    const grpc::Status status = Score(request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  v1::Forecast Get(const std::string& name) {
    v1::GetForecastRequest request;
    request.set_name(name);
    v1::Forecast forecast;
    Context context;
    const grpc::Status status = forecasts->GetForecast(&context, request, &forecast);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return forecast;
  }
  /// A sweep of rates at the target whose best is `best`.
  void RunAtTarget(double best, const std::string& prefix = "big-") {
    std::vector<v1::Run> sweep;
    for (int step = -3; step <= 3; ++step) {
      v1::Run run = SomeRun(absl::StrCat(prefix, step + 3), kParams, kTokens, best * std::pow(1.3, step));
      run.set_loss_nats(2.5 * (1 + 0.01 * step * step));
      sweep.push_back(run);
    }
    Upload("s", sweep);
  }
  std::vector<std::string> Warnings() {
    v1::PredictRequest request;
    request.set_params(kParams);
    request.set_tokens(kTokens);
    request.add_studies("studies/s");
    v1::PredictResponse response;
    Context context;
    EXPECT_TRUE(predictions->Predict(&context, request, &response).ok());
    return {response.predictions(0).warnings().begin(), response.predictions(0).warnings().end()};
  }

  std::string fit_name;
  std::unique_ptr<v1::ForecastService::Stub> forecasts;
};

double TrueRate() { return 2 * std::pow(kParams, -0.7) * std::pow(kTokens, 0.25); }

TEST_F(ForecastServiceTest, KeepsWhatThePredictionSaid) {
  const v1::Forecast made = MustCreate(Wanted("first"));
  EXPECT_EQ(made.name(), "studies/s/forecasts/first");
  EXPECT_EQ(made.inputs().params(), kParams);
  EXPECT_EQ(made.inputs().interval(), 0.9);
  EXPECT_EQ(made.inputs().param_count(), "non-embedding");
  EXPECT_EQ(made.seal().size(), 64U);
  EXPECT_FALSE(made.seal_broken());
  ASSERT_EQ(made.sources_size(), 1);
  EXPECT_EQ(made.sources(0).name(), fit_name);
  EXPECT_EQ(made.sources(0).law(), "lr-power-nd");
  EXPECT_EQ(made.sources(0).estimator(), "band");
  EXPECT_EQ(made.sources(0).data_digest().size(), 64U);
  EXPECT_EQ(made.sources(0).quantity(), "learning_rate");
  v1::PredictRequest request;
  request.set_params(kParams);
  request.set_tokens(kTokens);
  request.add_studies("studies/s");
  v1::PredictResponse predicted;
  Context context;
  ASSERT_TRUE(predictions->Predict(&context, request, &predicted).ok());
  EXPECT_EQ(made.prediction().learning_rate().DebugString(),
            predicted.predictions(0).learning_rate().DebugString());
  EXPECT_EQ(made.prediction().extrapolation().DebugString(),
            predicted.predictions(0).extrapolation().DebugString());
  EXPECT_EQ(Get(made.name()).DebugString(), made.DebugString());
  Restart();
  Connect();
  EXPECT_EQ(Get(made.name()).DebugString(), made.DebugString());
}

TEST_F(ForecastServiceTest, MakesAForecastOncePerRequestAndId) {
  v1::CreateForecastRequest request = Wanted();
  request.set_request_id("once");
  const v1::Forecast made = MustCreate(request);
  EXPECT_EQ(MustCreate(request).DebugString(), made.DebugString());
  v1::Forecast other;
  MustCreate(Wanted("taken"));
  EXPECT_EQ(Create(Wanted("taken"), other).error_code(), grpc::StatusCode::ALREADY_EXISTS);
  v1::CreateForecastRequest dry = Wanted("dry");
  dry.set_validate_only(true);
  EXPECT_EQ(MustCreate(dry).name(), "studies/s/forecasts/dry");
  v1::ListForecastsRequest list;
  list.set_parent("studies/s");
  list.set_page_size(1);
  v1::ListForecastsResponse page;
  std::vector<std::string> names;
  do {
    Context context;
    ASSERT_TRUE(forecasts->ListForecasts(&context, list, &page).ok());
    for (const v1::Forecast& forecast : page.forecasts()) names.push_back(forecast.name());
    list.set_page_token(page.next_page_token());
  } while (!page.next_page_token().empty());
  EXPECT_THAT(names, testing::ElementsAre("studies/s/forecasts/taken", made.name())) << "newest first";
}

TEST_F(ForecastServiceTest, ScoresARateThatWasRight) {
  const v1::Forecast made = MustCreate(Wanted("f"));
  v1::ScoreForecastsResponse before = MustScore();
  EXPECT_EQ(before.waiting(), 1);
  EXPECT_EQ(before.scored(), 0);
  EXPECT_THAT(before.forecasts(0).unscored(0).reason(), HasSubstr("no finished run"));
  RunAtTarget(TrueRate());
  const v1::ScoreForecastsResponse after = MustScore();
  EXPECT_EQ(after.scored(), 1);
  EXPECT_EQ(after.covered(), 1);
  EXPECT_EQ(after.nominal(), 0.9);
  ASSERT_EQ(after.forecasts_size(), 1);
  EXPECT_EQ(after.forecasts(0).runs(), 7);
  ASSERT_EQ(after.forecasts(0).scores_size(), 1);
  const v1::QuantityScore& score = after.forecasts(0).scores(0);
  EXPECT_EQ(score.quantity(), "learning_rate");
  EXPECT_EQ(score.run(), "studies/s/runs/big-3");
  EXPECT_EQ(score.verdict(), "inside");
  EXPECT_EQ(score.excess_loss(), 0);
  std::map<std::string, std::string> groups;
  for (const v1::CalibrationGroup& group : after.groups()) groups[group.by()] = group.value();
  EXPECT_EQ(groups["quantity"], "learning_rate");
  EXPECT_EQ(groups["estimator"], "band");
  EXPECT_EQ(groups["source"], fit_name);
  EXPECT_EQ(groups["extrapolation"], "3x to 10x");
  const v1::Forecast stored = Get(made.name());
  ASSERT_EQ(stored.scores_size(), 1);
  EXPECT_EQ(stored.scores(0).run(), score.run());
  EXPECT_FALSE(stored.seal_broken()) << "scores are no part of what is sealed";
}

TEST_F(ForecastServiceTest, ASourceThatFailsIsNamedInPredictions) {
  MustCreate(Wanted("a"));
  MustCreate(Wanted("b"));
  RunAtTarget(TrueRate() * 30);
  for (const std::string& warning : Warnings()) EXPECT_THAT(warning, Not(HasSubstr("forecasts fail")));
  const v1::ScoreForecastsResponse scored = MustScore();
  EXPECT_EQ(scored.scored(), 2);
  EXPECT_EQ(scored.covered(), 0);
  EXPECT_TRUE(scored.total().fails());
  EXPECT_THAT(scored.warnings(0), HasSubstr(fit_name));
  EXPECT_THAT(Warnings(), testing::Contains(HasSubstr("its forecasts fail: of 2 scored intervals 0 held")));
  Restart();
  Connect();
  EXPECT_THAT(Warnings(), testing::Contains(HasSubstr("its forecasts fail"))) << "it is not forgotten";
  for (const char* id : {"a", "b"}) {
    v1::DeleteForecastRequest request;
    request.set_name(absl::StrCat("studies/s/forecasts/", id));
    google::protobuf::Empty empty;
    Context context, again;
    EXPECT_TRUE(forecasts->DeleteForecast(&context, request, &empty).ok());
    EXPECT_EQ(forecasts->DeleteForecast(&again, request, &empty).error_code(), grpc::StatusCode::NOT_FOUND);
  }
  for (const std::string& warning : Warnings()) EXPECT_THAT(warning, Not(HasSubstr("forecasts fail")));
}

TEST_F(ForecastServiceTest, RunsThatWereThereBeforeAreNamedAndNotCounted) {
  RunAtTarget(TrueRate());
  MustCreate(Wanted("late"));
  v1::ScoreForecastsResponse scored = MustScore();
  EXPECT_EQ(scored.scored(), 0);
  ASSERT_EQ(scored.forecasts(0).not_counted_size(), 7);
  EXPECT_THAT(scored.forecasts(0).not_counted(0).reason(), HasSubstr("before the forecast was sealed"));
  v1::Run diverged = SomeRun("nan", kParams, kTokens);
  diverged.set_state(v1::DIVERGED);
  Upload("s", {diverged});
  scored = MustScore();
  EXPECT_EQ(scored.forecasts(0).not_counted_size(), 8);
}

TEST_F(ForecastServiceTest, ANamedRunTellsOfTheForecastsThatAreNamed) {
  v1::CreateForecastRequest with_loss = Wanted("loss");
  with_loss.mutable_target()->add_laws("chinchilla-epoch");
  const v1::Forecast made = MustCreate(with_loss);
  ASSERT_TRUE(made.prediction().has_loss());
  EXPECT_EQ(made.sources(0).name(), "chinchilla-epoch");
  v1::Run other = SomeRun("other", kParams / 2, kTokens);
  other.set_loss_nats(made.prediction().loss().value() * 1.1);
  v1::Run running = SomeRun("running", kParams, kTokens);
  running.set_state(v1::RUNNING);
  Upload("s", {other, running});
  EXPECT_EQ(MustScore().waiting(), 1) << "another size, and one that has not finished";
  v1::ScoreForecastsRequest request;
  request.set_parent("studies/s");
  request.set_run("studies/s/runs/other");
  v1::ScoreForecastsResponse response;
  ASSERT_TRUE(Score(request, response).ok());
  EXPECT_EQ(response.forecasts_size(), 0) << "it is at no forecast's target";
  request.add_forecasts("studies/s/forecasts/loss");
  ASSERT_TRUE(Score(request, response).ok());
  ASSERT_EQ(response.forecasts(0).scores_size(), 1);
  EXPECT_NEAR(response.forecasts(0).scores(0).error(), std::log(1.1), 1e-6);
  EXPECT_THAT(response.forecasts(0).warnings(0), HasSubstr("is another"));
  request.set_run("studies/s/runs/running");
  EXPECT_EQ(Reason(Score(request, response)), "RUN_NOT_FINISHED");
  request.set_run("studies/s/runs/none");
  EXPECT_EQ(Score(request, response).error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_run("studies/t/runs/other");
  EXPECT_EQ(Score(request, response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ForecastServiceTest, AFixedBatchOrVariableIsPartOfTheRecipe) {
  v1::CreateForecastRequest request = Wanted("batch");
  request.mutable_target()->set_batch_size_tokens(131072);
  const v1::Forecast made = MustCreate(request);
  EXPECT_EQ(made.inputs().batch_size_tokens(), 131072);
  RunAtTarget(TrueRate());  // at 65 536 tokens
  EXPECT_EQ(MustScore().forecasts(0).runs(), 0);
  v1::ScoreForecastsRequest wide;
  wide.set_parent("studies/s");
  wide.set_recipe_tolerance(1);
  wide.set_validate_only(true);
  v1::ScoreForecastsResponse response;
  ASSERT_TRUE(Score(wide, response).ok());
  EXPECT_EQ(response.forecasts(0).runs(), 7);
  EXPECT_EQ(Get("studies/s/forecasts/batch").scores_size(), 0) << "a dry run records nothing";
}

TEST_F(ForecastServiceTest, RefusesWhatItCannotKeep) {
  v1::Forecast forecast;
  const auto refused = [&](const v1::CreateForecastRequest& request) { return Create(request, forecast); };
  v1::CreateForecastRequest request = Wanted(std::string(10'000, 'x'));
  EXPECT_EQ(refused(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  for (const char* id : {"Upper", "a\nb", "a\x01", "-a", "a/b", "ü"}) {
    EXPECT_EQ(refused(Wanted(id)).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << id;
  }
  request = Wanted();
  request.clear_target();
  EXPECT_EQ(refused(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request = Wanted();
  request.mutable_target()->add_studies("studies/s");
  request.mutable_target()->add_laws("step-law-lr");
  EXPECT_EQ(refused(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request = Wanted();
  request.mutable_target()->add_studies("studies/published");
  EXPECT_EQ(refused(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request = Wanted();
  request.mutable_target()->mutable_schedule()->set_peak_learning_rate(1e-3);
  EXPECT_EQ(refused(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request = Wanted();
  (*request.mutable_target()->mutable_at())["control\x01"] = 1;
  EXPECT_EQ(refused(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request = Wanted();
  for (int i = 0; i < 65; ++i) (*request.mutable_target()->mutable_at())[absl::StrCat("v", i)] = 1;
  EXPECT_EQ(refused(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request = Wanted();
  request.mutable_target()->set_params(std::nan(""));
  EXPECT_EQ(refused(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request = Wanted();
  request.set_parent("studies/none");
  EXPECT_EQ(refused(request).error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_parent("studies/published");
  EXPECT_EQ(Reason(refused(request)), "STUDY_READ_ONLY");
  request.set_parent("nothing");
  EXPECT_EQ(refused(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  v1::ListForecastsRequest list;
  list.set_parent("studies/s");
  v1::ListForecastsResponse none;
  Context context;
  ASSERT_TRUE(forecasts->ListForecasts(&context, list, &none).ok());
  EXPECT_EQ(none.forecasts_size(), 0);
}

TEST_F(ForecastServiceTest, AStudyHoldsABoundedNumber) {
  MustCreate(Wanted("first"));
  Stop();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder + "/test.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "UPDATE studies SET forecast_count = 100000", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  options.renew_checksums = true;  // another program has written
  Start();
  Connect();
  v1::Forecast forecast;
  const grpc::Status status = Create(Wanted("second"), forecast);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Reason(status), "FORECAST_LIMIT");
}

TEST_F(ForecastServiceTest, AForecastThatWasChangedIsNoticedNotScoredAndNotImported) {
  MustCreate(Wanted("f"));
  Stop();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder + "/test.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(
      sqlite3_exec(db, "UPDATE forecast_quantities SET low = 1e-9, high = 1", nullptr, nullptr, nullptr),
      SQLITE_OK);
  sqlite3_close(db);
  options.renew_checksums = true;
  Start();
  Connect();
  EXPECT_TRUE(Get("studies/s/forecasts/f").seal_broken());
  RunAtTarget(TrueRate());
  const v1::ScoreForecastsResponse scored = MustScore();
  EXPECT_EQ(scored.scored(), 0);
  EXPECT_THAT(scored.forecasts(0).unscored(0).reason(), HasSubstr("seal does not hold"));

  Context exporting;
  v1::ExportStudyRequest request;
  request.set_name("studies/s");
  const auto download = studies->ExportStudy(&exporting, request);
  v1::ExportStudyResponse piece;
  std::string file;
  while (download->Read(&piece)) file += piece.data();
  ASSERT_TRUE(download->Finish().ok());
  Context importing;
  v1::Study study;
  const auto upload = studies->ImportStudy(&importing, &study);
  v1::ImportStudyRequest part;
  part.set_study_id("copy");
  for (std::size_t at = 0; at < file.size(); at += 1 << 20) {
    part.set_data(file.substr(at, 1 << 20));
    upload->Write(part);
  }
  upload->WritesDone();
  const grpc::Status status = upload->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("seal"));
}

}  // namespace
}  // namespace sextant::server
