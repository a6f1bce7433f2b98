// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>
#include <thread>

#include "tests/server/service_fixture.h"

namespace sextant::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

v1::CreateFitRequest RateFit(int replicates = 20) {
  v1::CreateFitRequest request;
  request.set_parent("studies/s");
  request.set_law("lr-power-nd");
  request.set_estimator("band");
  request.set_bootstrap_replicates(replicates);
  return request;
}

class FitServiceTest : public ServiceTest {
 protected:
  FitServiceTest() {
    Start();
    CreateStudy("s");
    Upload("s", RateSweep());
  }
  grpc::Status Create(const v1::CreateFitRequest& request, v1::Fit& fit) {
    Context context;
    return fits->CreateFit(&context, request, &fit);
  }
  grpc::Status Get(const std::string& name, v1::Fit& fit) {
    Context context;
    v1::GetFitRequest request;
    request.set_name(name);
    return fits->GetFit(&context, request, &fit);
  }
};

TEST_F(FitServiceTest, RecoversTheLawOfTheSweep) {
  const v1::Fit fit = Fit(RateFit());
  ASSERT_EQ(fit.state(), v1::FIT_SUCCEEDED) << fit.error().message();
  EXPECT_THAT(fit.name(), StartsWith("studies/s/fits/lr-power-nd-"));
  EXPECT_EQ(fit.predicts(), "learning_rate");
  ASSERT_EQ(fit.parameters_size(), 3);
  EXPECT_NEAR(fit.parameters(0).estimate(), std::log(2.0), 1e-6);
  EXPECT_NEAR(fit.parameters(1).estimate(), -0.7, 1e-8);
  EXPECT_NEAR(fit.parameters(2).estimate(), 0.25, 1e-8);
  EXPECT_TRUE(fit.parameters(0).has_low());
  EXPECT_EQ(fit.param_count(), "non-embedding");
  EXPECT_FALSE(fit.data_digest().empty());
  Restart();
  v1::Fit stored;
  ASSERT_TRUE(Get(fit.name(), stored).ok());
  EXPECT_EQ(stored.DebugString(), fit.DebugString()) << "a fit comes back from the file as it was watched";
}

TEST_F(FitServiceTest, KeepsTheReasonOfAFailure) {
  v1::CreateFitRequest request = RateFit();
  request.set_filter("params_non_embedding = 1e7");
  const v1::Fit fit = Fit(request);
  EXPECT_EQ(fit.state(), v1::FIT_FAILED);
  EXPECT_EQ(fit.error().reason(), "DESIGN_NOT_IDENTIFIABLE");
  EXPECT_THAT(fit.error().message(), StartsWith("not identifiable"));
  Restart();
  v1::Fit stored;
  ASSERT_TRUE(Get(fit.name(), stored).ok());
  EXPECT_EQ(stored.error().message(), fit.error().message());
}

TEST_F(FitServiceTest, LabelsTheRunsOfTheStudyWhetherItSucceedsOrNot) {
  v1::Run diverged = SomeRun("diverged", 1e7, 1e9, 0.5);
  diverged.set_state(v1::DIVERGED);
  Upload("s", {diverged});
  v1::CreateFitRequest request = RateFit();
  request.set_filter("params_non_embedding = 1e7 AND -labels:diverged");
  EXPECT_EQ(Fit(request).state(), v1::FIT_FAILED);
  Context context;
  v1::GetRunRequest get;
  v1::Run run;
  get.set_name("studies/s/runs/diverged");
  ASSERT_TRUE(runs->GetRun(&context, get, &run).ok());
  EXPECT_THAT(run.labels(), ElementsAre("diverged"));
}

TEST_F(FitServiceTest, KeepsRunsBackAndScoresThem) {
  v1::CreateFitRequest request = RateFit(0);
  request.set_holdout_filter("tokens > 1e10");
  const v1::Fit fit = Fit(request);
  ASSERT_EQ(fit.state(), v1::FIT_SUCCEEDED) << fit.error().message();
  EXPECT_GT(fit.holdout().runs(), 0);
  EXPECT_LT(fit.holdout().mean_relative_error(), 0.01);
  EXPECT_FALSE(fit.parameters(0).has_low()) << "no bootstrap, no interval";
  for (const auto& range : fit.fitted_ranges()) {
    if (range.variable() == "D") {
      EXPECT_LE(range.high(), 1e10);
    }
  }
}

TEST_F(FitServiceTest, RefusesWrongOptionsTogether) {
  v1::CreateFitRequest request = RateFit();
  request.set_fit_id("Not a label");
  request.set_bootstrap_replicates(-1);
  request.set_band(-1);
  v1::Fit fit;
  const grpc::Status status = Create(request, fit);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("fit_id"));
  EXPECT_THAT(status.error_message(), HasSubstr("bootstrap_replicates"));
  request = RateFit();
  request.set_estimator("guess");
  EXPECT_EQ(Create(request, fit).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request = RateFit();
  request.set_filter("colour = red");
  EXPECT_EQ(Reason(Create(request, fit)), "INVALID_FILTER");
  request.set_estimator("guess");
  request.set_holdout_filter("tokens >");
  request.set_runs("some");
  for (const char* part : {"estimator", "filter", "colour", "holdout_filter", "runs"})
    EXPECT_THAT(Create(request, fit).error_message(), HasSubstr(part));
  request = RateFit();
  request.set_law("no-such-law");
  EXPECT_EQ(Reason(Create(request, fit)), "LAW_NOT_FOUND");
  for (const char* law : {"weight-decay-power-nd", "beta2-power-d", "cbs-power-d"}) {
    request = RateFit();
    request.set_law(law);
    request.set_estimator("");
    request.set_holdout_filter("tokens > 1e10");
    EXPECT_THAT(Create(request, fit).error_message(), HasSubstr("holdout_filter: not for laws of")) << law;
  }
  request = RateFit();
  request.set_parent("studies/nowhere");
  EXPECT_EQ(Reason(Create(request, fit)), "STUDY_NOT_FOUND");
}

TEST_F(FitServiceTest, RefusesATakenIdAndAnswersARepeatedRequest) {
  v1::CreateFitRequest request = RateFit(0);
  request.set_fit_id("mine");
  request.set_request_id("id-1");
  v1::Fit first, second;
  ASSERT_TRUE(Create(request, first).ok());
  ASSERT_TRUE(Create(request, second).ok());
  EXPECT_EQ(first.name(), second.name());
  request.set_request_id("");
  EXPECT_EQ(Reason(Create(request, second)), "FIT_EXISTS");
  request.set_fit_id("");
  request.set_request_id("id-2");
  ASSERT_TRUE(Create(request, first).ok());
  ASSERT_TRUE(Create(request, second).ok());
  EXPECT_EQ(first.name(), second.name()) << "an id that the server chose is part of the first answer";
}

TEST_F(FitServiceTest, CancelsARunningFitAndLeavesAnEndedOne) {
  v1::Fit fit, cancelled, watched;
  ASSERT_TRUE(Create(RateFit(100000), fit).ok());
  EXPECT_EQ(fit.state(), v1::FIT_RUNNING);
  v1::CancelFitRequest request;
  request.set_name(fit.name());
  {
    Context context;
    const auto status = fits->CancelFit(&context, request, &cancelled);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  EXPECT_EQ(cancelled.state(), v1::FIT_CANCELLED);
  Context context;
  ASSERT_TRUE(fits->CancelFit(&context, request, &watched).ok());
  EXPECT_EQ(watched.DebugString(), cancelled.DebugString());
}

TEST_F(FitServiceTest, ManyWatchersSeeTheEndAndGivenUpOnesDoNoHarm) {
  v1::Fit fit;
  ASSERT_TRUE(Create(RateFit(3000), fit).ok());
  v1::WatchFitRequest request;
  request.set_name(fit.name());
  std::vector<std::thread> watchers;
  std::atomic<int> ended{0};
  for (int i = 0; i < 8; ++i) {
    watchers.emplace_back([&, i] {
      Context context;
      v1::Fit seen;
      auto stream = fits->WatchFit(&context, request);
      if (i % 2 == 1) context.TryCancel();
      while (stream->Read(&seen)) {
      }
      const auto status = stream->Finish();
      if (i % 2 == 0 && status.ok() && seen.state() == v1::FIT_SUCCEEDED) ++ended;
    });
  }
  for (std::thread& watcher : watchers) watcher.join();
  EXPECT_EQ(ended, 4);
}

TEST_F(FitServiceTest, AWatchTellsHowFarALongFitHasCome) {
  v1::CreateFitRequest request = RateFit(100'000);
  request.set_law("loss-chinchilla");
  request.set_estimator("auto");
  v1::Fit fit, seen;
  ASSERT_TRUE(Create(request, fit).ok());
  v1::WatchFitRequest watch;
  watch.set_name(fit.name());
  Context context;
  auto stream = fits->WatchFit(&context, watch);
  std::vector<std::string> phases;
  double last = 0, elapsed = 0;
  bool is_cancelled = false;
  while (stream->Read(&seen)) {
    if (seen.state() != v1::FIT_RUNNING) break;
    ASSERT_TRUE(seen.has_progress());
    EXPECT_GE(seen.progress().elapsed_seconds(), elapsed);
    elapsed = seen.progress().elapsed_seconds();
    if (phases.empty() || phases.back() != seen.progress().phase()) phases.push_back(seen.progress().phase());
    if (seen.progress().has_fraction()) {
      EXPECT_GE(seen.progress().fraction(), 0);
      EXPECT_LE(seen.progress().fraction(), 1);
      last = seen.progress().fraction();
    }
    if (phases.back() == "replicates" && last > 0 && !is_cancelled) {
      is_cancelled = true;
      v1::CancelFitRequest cancel;
      cancel.set_name(fit.name());
      Context other;
      v1::Fit cancelled;
      ASSERT_TRUE(fits->CancelFit(&other, cancel, &cancelled).ok());
    }
  }
  EXPECT_FALSE(seen.has_progress()) << "a fit that has ended has come to its end";
  while (stream->Read(&seen)) {
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_TRUE(is_cancelled) << "100 000 replicates ended without a word; the last was " << phases.back();
}

TEST_F(FitServiceTest, TheDefaultEstimatorsFitHasAFirstAnswerWhileItRuns) {
  v1::CreateFitRequest create = RateFit(100'000);
  create.set_estimator("auto");
  v1::Fit fit;
  ASSERT_TRUE(Create(create, fit).ok());
  v1::WatchFitRequest request;
  request.set_name(fit.name());
  Context context;
  const auto stream = fits->WatchFit(&context, request);
  v1::Fit seen, answer;
  while (stream->Read(&seen)) {
    if (seen.state() != v1::FIT_RUNNING || seen.parameters().empty()) continue;
    answer = seen;
    v1::CancelFitRequest cancel;
    cancel.set_name(fit.name());
    Context another;
    v1::Fit cancelled;
    EXPECT_TRUE(fits->CancelFit(&another, cancel, &cancelled).ok());
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(answer.estimator(), "band");
  ASSERT_EQ(answer.parameters_size(), 3);
  EXPECT_NEAR(answer.parameters(1).estimate(), -0.7, 1e-8);
  EXPECT_THAT(answer.warnings(0), StartsWith("provisional"));
  ASSERT_TRUE(Get(fit.name(), seen).ok());
  EXPECT_NE(seen.state(), v1::FIT_RUNNING);
}

TEST_F(FitServiceTest, ListsNewestFirstAndDeletes) {
  const v1::Fit first = Fit(RateFit(0)), second = Fit(RateFit(0));
  v1::ListFitsRequest list;
  v1::ListFitsResponse page;
  list.set_parent("studies/s");
  list.set_page_size(1);
  {
    Context context;
    ASSERT_TRUE(fits->ListFits(&context, list, &page).ok());
    ASSERT_EQ(page.fits_size(), 1);
    EXPECT_EQ(page.fits(0).name(), second.name());
  }
  list.set_page_token(page.next_page_token());
  {
    Context context;
    ASSERT_TRUE(fits->ListFits(&context, list, &page).ok());
  }
  v1::DeleteFitRequest remove;
  google::protobuf::Empty empty;
  remove.set_name(first.name());
  Context one, two;
  EXPECT_TRUE(fits->DeleteFit(&one, remove, &empty).ok());
  EXPECT_EQ(Reason(fits->DeleteFit(&two, remove, &empty)), "FIT_NOT_FOUND");
}

TEST_F(FitServiceTest, ServesPublishedLawsAsFits) {
  v1::Fit fit;
  ASSERT_TRUE(Get("studies/published/fits/step-law-lr", fit).ok());
  EXPECT_EQ(fit.state(), v1::FIT_SUCCEEDED);
  EXPECT_EQ(fit.law(), "step-law-lr");
  EXPECT_EQ(Reason(Get("studies/published/fits/lr-power-nd", fit)), "FIT_NOT_FOUND")
      << "a form without values is no fit";
  v1::ListFitsRequest list;
  list.set_parent("studies/published");
  list.set_page_size(3);
  int listed = 0;
  do {
    Context context;
    v1::ListFitsResponse page;
    ASSERT_TRUE(fits->ListFits(&context, list, &page).ok());
    listed += page.fits_size();
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  Context context;
  v1::GetServerInfoRequest request;
  v1::ServerInfo info;
  ASSERT_TRUE(system->GetServerInfo(&context, request, &info).ok());
  EXPECT_EQ(listed, info.published_law_count());
}

}  // namespace
}  // namespace sextant::server
