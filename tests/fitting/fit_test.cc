// SPDX-License-Identifier: Apache-2.0
#include "fitting/fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <string>

#include "fitting/refusal.h"
#include "tests/fitting/catalogue_fixture.h"
#include "tests/fitting/synthetic.h"

namespace sextant::fitting {
namespace {

using ::testing::HasSubstr;

FitRequest Request(const std::string& estimator = "band") {
  FitRequest request;
  request.estimator = estimator;
  request.bootstrap_replicates = 50;
  return request;
}

TEST(Fit, RecoversTheLawsOfANoiseFreeSweep) {
  const RunTable runs = KnownSweep();
  absl::StatusOr<FitResult> rate = Fit(ShippedLaw("lr-power-nd"), {.runs = runs}, Request());
  ASSERT_TRUE(rate.ok()) << rate.status();
  ASSERT_EQ(rate->parameters.size(), 3u);
  EXPECT_EQ(rate->parameters[0].name, "log_c");
  EXPECT_NEAR(rate->parameters[0].estimate, std::log(30), 1e-6);
  EXPECT_NEAR(rate->parameters[1].estimate, -0.6, 1e-8);
  EXPECT_NEAR(rate->parameters[2].estimate, 0.15, 1e-8);
  EXPECT_EQ(rate->cells_used, 12);

  absl::StatusOr<FitResult> batch = Fit(ShippedLaw("batch-power-d"), {.runs = runs}, Request());
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_NEAR(batch->parameters[0].estimate, std::log(0.3), 1e-6);
  EXPECT_NEAR(batch->parameters[1].estimate, 0.6, 1e-8);
}

TEST(Fit, CarriesItsProvenance) {
  FitRequest request = Request();
  request.study_id = "sweep";
  request.filter = "params_non_embedding > 1e7";
  request.seed = 9;
  absl::StatusOr<FitResult> fit = Fit(ShippedLaw("lr-power-nd"), {.runs = KnownSweep()}, request);
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_EQ(fit->law_id, "lr-power-nd");
  EXPECT_EQ(fit->study_id, "sweep");
  EXPECT_EQ(fit->filter, "params_non_embedding > 1e7");
  EXPECT_EQ(fit->seed, 9u);
  EXPECT_EQ(fit->data_digest.size(), 64u);
  EXPECT_EQ(fit->target, Target::kLearningRate);
  ASSERT_TRUE(fit->fitted_range.contains("N"));
  EXPECT_NEAR(fit->fitted_range.at("N").low, 2e7, 1);
}

TEST(Fit, ScoresHeldOutCells) {
  RunTable all = KnownSweep(1e-4), train, largest;
  for (std::size_t i = 0; i < all.size(); ++i) {
    RunTable& to = all.params[i] > 5e8 ? largest : train;
    AddRun(to, all.params[i], all.tokens[i], all.learning_rate[i], all.batch_size_tokens[i], all.loss[i]);
  }
  absl::StatusOr<FitResult> fit =
      Fit(ShippedLaw("lr-power-nd"), {.runs = train, .holdout = largest}, Request());
  ASSERT_TRUE(fit.ok()) << fit.status();
  ASSERT_TRUE(fit->holdout.has_value());
  EXPECT_EQ(fit->holdout->runs, static_cast<std::int64_t>(largest.size()));
  EXPECT_LT(fit->holdout->mean_relative_error, 0.25);
  ASSERT_TRUE(fit->holdout->mean_excess_loss.has_value());
  EXPECT_LT(*fit->holdout->mean_excess_loss, 0.002);
}

TEST(Fit, SaysWhenTheHoldOutMatchesNothingOrLeavesNothing) {
  FitRequest request = Request();
  request.holdout_filter = "params_non_embedding > 1e12";
  const auto nothing_scored = Fit(ShippedLaw("lr-power-nd"), {.runs = KnownSweep()}, request);
  ASSERT_TRUE(nothing_scored.ok()) << nothing_scored.status();
  EXPECT_FALSE(nothing_scored->holdout);
  EXPECT_THAT(nothing_scored->warnings, ::testing::Contains(HasSubstr("matches no run")));
  const auto nothing_left = Fit(ShippedLaw("lr-power-nd"), {.holdout = KnownSweep()}, request);
  EXPECT_EQ(nothing_left.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(nothing_left.status().message()), HasSubstr("keeps back all"));
}

TEST(Fit, RefusesADesignThatCannotTellNamingTheAxis) {
  RunTable all = KnownSweep(), one_size;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all.params[i] == 2e7) {
      AddRun(one_size, all.params[i], all.tokens[i], all.learning_rate[i], all.batch_size_tokens[i],
             all.loss[i]);
    }
  }
  absl::StatusOr<FitResult> fit = Fit(ShippedLaw("lr-power-nd"), {.runs = one_size}, Request());
  ASSERT_EQ(fit.status().code(), absl::StatusCode::kFailedPrecondition) << fit.status();
  EXPECT_TRUE(IsNotIdentifiable(fit.status())) << fit.status();
  EXPECT_THAT(std::string(fit.status().message()), HasSubstr("params"));
}

TEST(Fit, FitsALawOfAnotherFormToTheNearOptimalRuns) {
  // The same law with a floor under the rate that is fixed at zero: not log-linear by its parameters.
  absl::StatusOr<LawSpec> spec = ParseLawSpec(LawSpecToToml(ShippedLaw("lr-power-nd")->spec()));
  ASSERT_TRUE(spec.ok()) << spec.status();
  spec->id = "my-rate";
  spec->expression = "exp(log_c) * N^a * D^b + 0 * N";
  spec->parameters[0].name = "log_c";
  absl::StatusOr<std::shared_ptr<const Law>> law = Law::Compile(*spec);
  ASSERT_TRUE(law.ok()) << law.status();
  FitRequest request = Request();
  request.fixed_parameters = {{"b", 0.15}};
  absl::StatusOr<FitResult> fit = Fit(*law, {.runs = KnownSweep()}, request);
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_NEAR(fit->parameters[1].estimate, -0.6, 1e-6);
  EXPECT_NEAR(fit->parameters[2].estimate, 0.15, 1e-12);
}

TEST(Fit, FitsLossLawsByLeastSquares) {
  RunTable best;
  const RunTable all = KnownSweep();
  for (std::size_t i = 60; i < all.size(); i += 121) {  // the centre of each cell's grid
    AddRun(best, all.params[i], all.tokens[i], all.learning_rate[i], all.batch_size_tokens[i], all.loss[i]);
  }
  ASSERT_EQ(best.size(), 12u);
  FitRequest request = Request();
  request.bootstrap_replicates = 0;
  absl::StatusOr<FitResult> fit = Fit(ShippedLaw("loss-chinchilla"), {.runs = best}, request);
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_EQ(fit->estimator, "least-squares");
  for (const ParameterEstimate& parameter : fit->parameters) {
    if (parameter.name == "E") {
      EXPECT_NEAR(parameter.estimate, 1.8, 1e-3);
    } else if (parameter.name == "alpha") {
      EXPECT_NEAR(parameter.estimate, 0.35, 1e-3);
    } else if (parameter.name == "beta") {
      EXPECT_NEAR(parameter.estimate, 0.37, 1e-3);
    }
    EXPECT_FALSE(parameter.low.has_value());
  }
}

TEST(Fit, NamesEveryWrongOption) {
  FitRequest request = Request("no-such-estimator");
  request.options = NearOptimalOptions{.band = 0};
  request.bootstrap_replicates = -3;
  request.loss = "hubber";
  request.fixed_parameters = {{"zz", 1}};
  absl::StatusOr<FitResult> fit = Fit(ShippedLaw("lr-power-nd"), {.runs = KnownSweep()}, request);
  ASSERT_EQ(fit.status().code(), absl::StatusCode::kInvalidArgument);
  for (const char* part : {"bootstrap_replicates", "band", "estimator", "loss", "fixed_parameters"}) {
    EXPECT_THAT(std::string(fit.status().message()), HasSubstr(part));
  }
}

TEST(Fit, RefusesOptionsOfAnotherKindOfLaw) {
  const auto refusal = [](const char* law, KindOptions options) {
    FitRequest request;
    request.options = std::move(options);
    return std::string(Fit(ShippedLaw(law), {.runs = KnownSweep()}, request).status().message());
  };
  EXPECT_THAT(refusal("loss-chinchilla", NearOptimalOptions()), HasSubstr("band: only laws of"));
  EXPECT_THAT(refusal("lr-power-nd", LossOptions()), HasSubstr("runs: only laws of the loss"));
  EXPECT_THAT(refusal("loss-kaplan-ns", LossOptions{LossRuns::kCellBest}), HasSubstr("fitted to all runs"));
  EXPECT_THAT(refusal("lr-power-nd", CriticalBatchOptions()), HasSubstr("target_losses: only laws of"));
}

TEST(Fit, StopsWhenCancelled) {
  std::atomic<bool> cancelled = true;
  FitRequest request = Request();
  request.cancelled = &cancelled;
  EXPECT_EQ(Fit(ShippedLaw("lr-power-nd"), {.runs = KnownSweep()}, request).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace sextant::fitting
