// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "fitting/fit.h"
#include "fitting/predict.h"
#include "tests/fitting/catalogue_fixture.h"
#include "tests/fitting/synthetic.h"

namespace sextant::fitting {
namespace {

using ::testing::HasSubstr;

double BestRate(double params, double tokens) { return 30 * std::pow(params, -0.6) * std::pow(tokens, 0.15); }
double BestDecay(double params, double tokens) {
  return 0.1 * std::pow(params / 1e8, 0.2) * std::pow(tokens / 4e9, -0.3);
}
double BestForgetting(double tokens) { return 0.05 * std::pow(tokens / 4e9, -0.25); }

/// Rate, weight decay and 1 - beta2 crossed around optima that are power laws; one batch. Rate and decay
/// trade against each other, as they do in AdamW.
RunTable CrossedSweep() {
  RunTable runs;
  for (const double params : {2e7, 6e7, 2e8}) {
    for (const double tokens : {1e9, 4e9, 16e9}) {
      const double floor = 1.8 + 480 / std::pow(params, 0.35) + 2100 / std::pow(tokens, 0.37);
      for (int i = -3; i <= 3; ++i) {
        for (int j = -3; j <= 3; ++j) {
          for (int k = -2; k <= 2; ++k) {
            const double x = 0.5 * i + 0.1, y = 0.5 * j - 0.1, z = 0.5 * k + 0.05;
            const double bowl = 0.012 * x * x + 0.004 * (y + 0.5 * x) * (y + 0.5 * x) + 0.003 * z * z;
            AddRun(runs, params, tokens, BestRate(params, tokens) * std::exp(x), 1e5, floor * (1 + bowl));
            runs.weight_decay.back() = BestDecay(params, tokens) * std::exp(y);
            runs.adam_beta2.back() = 1 - BestForgetting(tokens) * std::exp(z);
          }
        }
      }
    }
  }
  return runs;
}

FitRequest Request(const std::string& estimator = "auto") {
  FitRequest request;
  request.estimator = estimator;
  request.bootstrap_replicates = 50;
  return request;
}

double PredictOne(const FitResult& fit, Target target) {
  auto predictor = Predictor::FromFit("f", fit);
  EXPECT_TRUE(predictor.ok()) << predictor.status();
  PredictionTarget at;
  at.params = 1e9;
  at.tokens = 50e9;
  Prediction prediction;
  (*predictor)->Predict(at, prediction);
  EXPECT_TRUE(prediction.quantities.contains(target));
  const Quantity& quantity = prediction.quantities[target];
  EXPECT_TRUE(quantity.low && quantity.high);
  return quantity.value;
}

TEST(OtherOptimumFit, RecoversTheLawOfTheWeightDecay) {
  const absl::StatusOr<FitResult> fit =
      Fit(ShippedLaw("weight-decay-power-nd"), {.runs = CrossedSweep()}, Request());
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_EQ(fit->estimator, "quadratic");
  EXPECT_NEAR(fit->parameters[1].estimate, 0.2, 1e-3);
  EXPECT_NEAR(fit->parameters[2].estimate, -0.3, 1e-3);
  EXPECT_FALSE(fit->fitted_range.contains("learning_rate"));
  EXPECT_NEAR(PredictOne(*fit, Target::kWeightDecay) / BestDecay(1e9, 50e9), 1, 5e-3);
}

TEST(OtherOptimumFit, RecoversTheLawOfBeta2) {
  const absl::StatusOr<FitResult> fit = Fit(ShippedLaw("beta2-power-d"), {.runs = CrossedSweep()}, Request());
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_NEAR(fit->parameters[1].estimate, -0.25, 1e-3);
  EXPECT_NEAR((1 - PredictOne(*fit, Target::kAdamBeta2)) / BestForgetting(50e9), 1, 5e-3);
}

TEST(OtherOptimumFit, TheRateIsThatOfTheBestOthers) {
  const absl::StatusOr<FitResult> fit =
      Fit(ShippedLaw("lr-power-nd"), {.runs = CrossedSweep()}, Request("quadratic"));
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_NEAR(PredictOne(*fit, Target::kLearningRate) / BestRate(1e9, 50e9), 1, 0.05);
}

TEST(OtherOptimumFit, RefusesAStudyThatDoesNotVaryItByItsName) {
  RunTable runs = KnownSweep();
  for (double& decay : runs.weight_decay) decay = 0.1;
  const absl::StatusOr<FitResult> fit = Fit(ShippedLaw("weight-decay-power-nd"), {.runs = runs}, Request());
  EXPECT_EQ(fit.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(fit.status().message()), HasSubstr("weight_decay"));
}

TEST(OtherOptimumFit, RefusesEstimatorsWhosePriorsAreForRates) {
  const absl::StatusOr<FitResult> fit =
      Fit(ShippedLaw("weight-decay-power-nd"), {.runs = CrossedSweep()}, Request("regret"));
  EXPECT_EQ(fit.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(fit.status().message()), HasSubstr("regret"));
}

}  // namespace
}  // namespace sextant::fitting
