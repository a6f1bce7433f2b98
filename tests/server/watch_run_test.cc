// SPDX-License-Identifier: Apache-2.0
// Runs in flight over the wire: what a watch sends, when, and how it ends.
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "sextant/v1/forecast_service.grpc.pb.h"
#include "tests/server/service_fixture.h"

namespace sextant::server {
namespace {

using testing::HasSubstr;

constexpr int kSteps = 2000;

double LossAt(double step) { return 2 + 6 * std::pow(step, -0.4); }

class WatchRunTest : public ServiceTest {
 protected:
  WatchRunTest() {
    Start();
    forecasts = v1::ForecastService::NewStub(
        grpc::CreateChannel(server->addresses()[0], grpc::InsecureChannelCredentials()));
    CreateStudy("s");
  }

  /// A run of kSteps steps that has done so many of them.
  static v1::Run RunAt(const std::string& id, int steps_done, v1::RunState state = v1::RUNNING) {
    v1::Run run = SomeRun(id, 1e8, kSteps * 65536.0);
    run.clear_loss_nats();
    run.set_schedule("constant");
    run.set_state(state);
    for (int step = 10; step <= steps_done; step += 10) {
      run.mutable_curve()->add_step(step);
      run.mutable_curve()->add_train_loss(
          static_cast<float>(LossAt(step) * (1 + 1e-3 * ((step / 10 * 7) % 5 - 2))));
    }
    if (steps_done > 0) run.set_loss_nats(LossAt(steps_done));
    return run;
  }
  v1::WatchRunRequest Of(const std::string& run) {
    v1::WatchRunRequest request;
    request.set_name("studies/s/runs/" + run);
    request.set_every_seconds(0.1);
    return request;
  }
  grpc::Status Once(v1::WatchRunRequest request, v1::RunOutlook& outlook) {
    request.set_once(true);
    Context context;
    auto stream = forecasts->WatchRun(&context, request);
    outlook.Clear();
    int messages = 0;
    v1::RunOutlook next;
    while (stream->Read(&next)) {
      outlook = next;
      ++messages;
    }
    const grpc::Status status = stream->Finish();
    EXPECT_EQ(messages, status.ok() ? 1 : 0);
    return status;
  }
  static std::vector<std::string> Alerts(const v1::RunOutlook& outlook) {
    std::vector<std::string> kinds;
    for (const v1::RunAlert& alert : outlook.alerts()) kinds.push_back(alert.kind());
    return kinds;
  }
  std::unique_ptr<v1::ForecastService::Stub> forecasts;
};

TEST_F(WatchRunTest, SaysWhereARunWillEnd) {
  Upload("s", {RunAt("r", 800)});
  v1::RunOutlook outlook;
  const grpc::Status status = Once(Of("r"), outlook);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(outlook.state(), v1::RUNNING);
  EXPECT_EQ(outlook.points(), 80);
  EXPECT_EQ(outlook.step(), 800);
  EXPECT_NEAR(outlook.share_done(), 0.4, 1e-9);
  EXPECT_NEAR(outlook.last_loss(), LossAt(800), 0.02);
  ASSERT_TRUE(outlook.has_loss()) << outlook.waiting();
  EXPECT_NEAR(outlook.loss().value(), LossAt(kSteps), 0.15);
  EXPECT_THAT(Alerts(outlook), testing::IsEmpty());
}

TEST_F(WatchRunTest, WaitsForACurveThatCanTell) {
  Upload("s", {RunAt("empty", 0), RunAt("early", 50)});
  v1::RunOutlook outlook;
  ASSERT_TRUE(Once(Of("empty"), outlook).ok());
  EXPECT_THAT(outlook.waiting(), HasSubstr("no curve"));
  EXPECT_FALSE(outlook.has_loss());
  ASSERT_TRUE(Once(Of("early"), outlook).ok());
  EXPECT_NE(outlook.waiting(), "");
  EXPECT_EQ(outlook.points(), 5);
}

TEST_F(WatchRunTest, SendsWhatIsNewAndEndsWithTheRun) {
  Upload("s", {RunAt("r", 600)});
  Context context;
  auto stream = forecasts->WatchRun(&context, Of("r"));
  v1::RunOutlook outlook;
  ASSERT_TRUE(stream->Read(&outlook));
  EXPECT_EQ(outlook.points(), 60);
  Upload("s", {RunAt("r", 1200)});
  ASSERT_TRUE(stream->Read(&outlook)) << "nothing is sent in between: the next message is of the new points";
  EXPECT_EQ(outlook.points(), 120);
  Upload("s", {RunAt("r", kSteps, v1::FINISHED)});
  ASSERT_TRUE(stream->Read(&outlook));
  EXPECT_EQ(outlook.state(), v1::FINISHED);
  EXPECT_NEAR(outlook.loss().value(), LossAt(kSteps), 1e-6);
  EXPECT_EQ(outlook.share_done(), 1);
  EXPECT_FALSE(stream->Read(&outlook));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(WatchRunTest, SoundsTheAlarmWhenALossIsLost) {
  v1::Run blown = RunAt("blown", 800);
  for (int i = 60; i < 80; ++i) blown.mutable_curve()->set_train_loss(i, 9 + static_cast<float>(i) / 10);
  v1::Run nan = RunAt("nan", 800);
  nan.mutable_curve()->set_train_loss(79, std::nanf(""));
  Upload("s", {blown, nan});
  v1::RunOutlook outlook;
  for (const char* id : {"blown", "nan"}) {
    ASSERT_TRUE(Once(Of(id), outlook).ok());
    EXPECT_THAT(Alerts(outlook), testing::Contains("diverged")) << id;
  }
}

TEST_F(WatchRunTest, ARunThatGetsWorseIsNotWorthItsEnd) {
  // Its loss falls until step 600 and rises slowly from there on: far from diverging.
  v1::Run rising = RunAt("rising", 1500), flat = RunAt("flat", 1500);
  for (int i = 0; i < 150; ++i) {
    const double step = 10 * (i + 1), scatter = 1 + 1e-3 * ((i * 7) % 5 - 2);
    const double loss = step < 600 ? LossAt(step) : LossAt(600) + 4e-4 * (step - 600);
    rising.mutable_curve()->set_train_loss(i, static_cast<float>(loss * scatter));
    flat.mutable_curve()->set_train_loss(i, static_cast<float>(LossAt(std::fmin(step, 600)) * scatter));
  }
  Upload("s", {rising, flat});
  v1::RunOutlook outlook;
  ASSERT_TRUE(Once(Of("rising"), outlook).ok());
  EXPECT_THAT(Alerts(outlook),
              testing::AnyOf(testing::Contains("worse-than-stopping"), testing::Contains("diverged")))
      << outlook.DebugString();
  ASSERT_TRUE(Once(Of("flat"), outlook).ok());
  EXPECT_THAT(Alerts(outlook), testing::IsEmpty()) << outlook.DebugString();
}

TEST_F(WatchRunTest, SoundsTheAlarmWhenTheForecastIsLeft) {
  v1::CreateForecastRequest create;
  create.set_parent("studies/s");
  create.set_forecast_id("f");
  create.mutable_target()->set_params(1e8);
  create.mutable_target()->set_tokens(kSteps * 65536.0);
  create.mutable_target()->add_laws("step-law-lr");
  v1::Forecast forecast;
  {
    Context context;
    ASSERT_TRUE(forecasts->CreateForecast(&context, create, &forecast).ok());
  }
  Upload("s", {RunAt("r", 800)});
  v1::WatchRunRequest request = Of("r");
  request.set_forecast(forecast.name());
  v1::RunOutlook outlook;
  EXPECT_EQ(Reason(Once(request, outlook)), "NO_LOSS_FORECAST");

  // Losses of a ladder far below what this run will reach.
  CreateStudy("low");
  std::vector<v1::Run> ladder;
  for (const double n : {1e7, 2e7, 4e7, 8e7, 1.6e8}) {
    for (const double ratio : {10, 20, 40}) {
      v1::Run run = SomeRun(absl::StrCat("n", n, "-", ratio), n, n * ratio);
      run.set_loss_nats((1.2 + 20 * std::pow(n, -0.3) + 20 * std::pow(n * ratio, -0.3)) *
                        (1 + 1e-3 * std::sin(n * ratio)));
      ladder.push_back(run);
    }
  }
  ladder.push_back(RunAt("r", 800));
  Upload("low", ladder);
  v1::CreateFitRequest fit;
  fit.set_parent("studies/low");
  fit.set_law("loss-chinchilla");
  fit.set_bootstrap_replicates(50);
  fit.set_runs("all");
  ASSERT_EQ(Fit(fit).state(), v1::FIT_SUCCEEDED);
  create.set_parent("studies/low");
  create.mutable_target()->clear_laws();
  {
    Context context;
    const grpc::Status status = forecasts->CreateForecast(&context, create, &forecast);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  request.set_name("studies/low/runs/r");
  request.set_forecast(forecast.name());
  ASSERT_TRUE(Once(request, outlook).ok());
  EXPECT_EQ(outlook.forecast(), forecast.name());
  EXPECT_LT(outlook.forecast_loss().high(), outlook.loss().value());
  EXPECT_THAT(Alerts(outlook), testing::Contains("left-band"));
}

TEST_F(WatchRunTest, RefusesWhatItCannotMean) {
  Upload("s", {RunAt("r", 800)});
  v1::RunOutlook outlook;
  EXPECT_EQ(Once(Of("none"), outlook).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Once(Of(std::string(100'000, 'x')), outlook).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  v1::WatchRunRequest request = Of("r");
  request.set_forecast("studies/s/forecasts/none");
  EXPECT_EQ(Once(request, outlook).error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_forecast("studies/other/forecasts/f");
  EXPECT_EQ(Once(request, outlook).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  for (const double seconds : {0.0, -1.0, 0.05, 1e9, std::nan("")}) {
    request = Of("r");
    request.set_every_seconds(seconds);
    EXPECT_EQ(Once(request, outlook).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << seconds;
  }
  request = Of("r");
  request.set_interval(1);
  EXPECT_EQ(Once(request, outlook).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(WatchRunTest, ClientsThatLeaveAndServersThatStopEndAWatch) {
  Upload("s", {RunAt("r", 800)});
  for (int i = 0; i < 40; ++i) {  // more than one caller may have at a time: places are given back
    Context context;
    auto stream = forecasts->WatchRun(&context, Of("r"));
    v1::RunOutlook outlook;
    ASSERT_TRUE(stream->Read(&outlook)) << i;
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
    // The server learns of it a moment later.
    if (i % 8 == 7) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  Context context;
  auto stream = forecasts->WatchRun(&context, Of("r"));
  v1::RunOutlook outlook;
  ASSERT_TRUE(stream->Read(&outlook));
  const auto begin = std::chrono::steady_clock::now();
  Stop();
  EXPECT_FALSE(stream->Read(&outlook));
  EXPECT_FALSE(stream->Finish().ok());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST_F(WatchRunTest, OneCallerHasABoundedNumber) {
  Upload("s", {RunAt("r", 800)});
  std::vector<std::unique_ptr<Context>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::RunOutlook>>> streams;
  grpc::Status refused;
  for (int i = 0; i < 70 && refused.ok(); ++i) {
    contexts.push_back(std::make_unique<Context>());
    streams.push_back(forecasts->WatchRun(contexts.back().get(), Of("r")));
    v1::RunOutlook outlook;
    if (!streams.back()->Read(&outlook)) refused = streams.back()->Finish();
  }
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Reason(refused), "WATCH_LIMIT");
  if (!refused.ok()) streams.pop_back();
  for (auto& context : contexts) context->TryCancel();
  for (auto& stream : streams) EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

}  // namespace
}  // namespace sextant::server
