// SPDX-License-Identifier: Apache-2.0
// Published laws at a target, against the constants printed in the papers (values worked out from them in
// double precision).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "fitting/predict.h"
#include "tests/fitting/catalogue_fixture.h"

namespace sextant::fitting {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

Prediction PredictWith(const std::string& law, PredictionTarget target) {
  Prediction prediction;
  absl::StatusOr<std::shared_ptr<const Predictor>> predictor =
      Predictor::FromLaw(ShippedLaw(law), ShippedCatalogue());
  EXPECT_TRUE(predictor.ok()) << predictor.status();
  if (predictor.ok()) (*predictor)->Predict(target, prediction);
  return prediction;
}

PredictionTarget At(double params, double tokens) {
  PredictionTarget target;
  target.params = params;
  target.tokens = tokens;
  return target;
}

void ExpectRelative(double value, double expected, double tolerance = 1e-9) {
  EXPECT_NEAR(value / expected, 1, tolerance) << value << " is not " << expected;
}

TEST(PublishedLaw, GivesItsFormulasValue) {
  const PredictionTarget target = At(1e9, 1e11);
  const double c = 6e20;
  ExpectRelative(PredictWith("step-law-lr", target).quantities.at(Target::kLearningRate).value,
                 1.79 * std::pow(1e9, -0.713) * std::pow(1e11, 0.307));
  ExpectRelative(PredictWith("step-law-bs", target).quantities.at(Target::kBatchSizeTokens).value,
                 0.58 * std::pow(1e11, 0.571));
  ExpectRelative(PredictWith("deepseek-lr", target).quantities.at(Target::kLearningRate).value,
                 0.3118 * std::pow(c, -0.125));
  ExpectRelative(PredictWith("ling-moe-bs", target).quantities.at(Target::kBatchSizeTokens).value,
                 0.0694 * std::pow(c, 0.3644));
}

TEST(PublishedLaw, StatesBatchesInTokensWhateverTheSourceCounts) {
  const PredictionTarget target = At(1e9, 1e11);
  ExpectRelative(PredictWith("oellm-joint-bs", target).quantities.at(Target::kBatchSizeTokens).value,
                 4096 * 9.901e-5 * std::pow(1e9, 0.145) * std::pow(1e11, 0.460));
  ExpectRelative(PredictWith("porian-bs", target).quantities.at(Target::kBatchSizeTokens).value,
                 2048 * 0.00037 * std::pow(1e9, 0.703));
  const Prediction zhang = PredictWith("zhang-cbs-d", target);
  ExpectRelative(zhang.quantities.at(Target::kCriticalBatchSizeTokens).value,
                 512 * 22.91 * std::pow(1e5, 0.47));
}

TEST(PublishedLaw, WarnsOutsideItsFittedRangeAndAboutCountingOfCompute) {
  const Prediction far = PredictWith("step-law-lr", At(7e9, 1.4e12));
  EXPECT_GT(far.extrapolation_params, 6);
  EXPECT_GT(far.extrapolation_tokens, 13);
  EXPECT_THAT(far.warnings, Contains(HasSubstr("above the fitted range")));
  EXPECT_THAT(PredictWith("deepseek-lr", At(1e9, 1e11)).warnings, Contains(HasSubstr("C is taken as 6ND")));
}

TEST(PublishedLaw, RefusesKaplansRateWhereItTurnsNegative) {
  const Prediction prediction = PredictWith("kaplan-lr", At(2e10, 1e12));
  EXPECT_FALSE(prediction.quantities.contains(Target::kLearningRate));
  ASSERT_EQ(prediction.withheld.size(), 1u);
  EXPECT_THAT(prediction.withheld[0].reason, HasSubstr("negative"));
}

TEST(PublishedLaw, TakesTheLossFromTheCallerElseFromHoffmannsFitWithAWarning) {
  PredictionTarget target = At(1e9, 1e11);
  const Prediction implied = PredictWith("kaplan-bcrit", target);
  // L from the rounded Hoffmann constants.
  const double loss = 1.69 + 406.4 / std::pow(1e9, 0.34) + 410.7 / std::pow(1e11, 0.28);
  ExpectRelative(implied.quantities.at(Target::kCriticalBatchSizeTokens).value,
                 2e8 * std::pow(loss, -1 / 0.21));
  EXPECT_THAT(implied.warnings, Contains(HasSubstr("predicted by")));
  target.loss_nats = 2.5;
  ExpectRelative(PredictWith("kaplan-bcrit", target).quantities.at(Target::kCriticalBatchSizeTokens).value,
                 2547285.21, 1e-8);
}

TEST(PublishedLaw, NeedsABatchWhereItsFormulaHasOne) {
  PredictionTarget target = At(1e9, 1e12);
  const Prediction without = PredictWith("power-scheduler", target);
  EXPECT_TRUE(without.quantities.empty());
  ASSERT_EQ(without.withheld.size(), 1u);
  EXPECT_THAT(without.withheld[0].reason, HasSubstr("give batch_size_tokens"));
  target.batch_size_tokens = 1024 * 4096;
  const Prediction with = PredictWith("power-scheduler", target);
  ExpectRelative(with.quantities.at(Target::kLearningRate).value, 3.5732038e-3, 1e-7);
  EXPECT_EQ(with.rate_kind, "fixed-batch");
}

TEST(PublishedLaw, WithholdsBeyondTheAllowedExtrapolation) {
  PredictionTarget target = At(7e9, 1.4e12);
  target.max_extrapolation = 5;
  const Prediction prediction = PredictWith("step-law-lr", target);
  EXPECT_TRUE(prediction.quantities.empty());
  ASSERT_EQ(prediction.withheld.size(), 1u);
  EXPECT_THAT(prediction.withheld[0].reason, HasSubstr("(max_extrapolation)"));
}

TEST(PublishedLaw, FormsWithoutValuesAreNotPredictors) {
  EXPECT_EQ(Predictor::FromLaw(ShippedLaw("lr-power-nd"), nullptr).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(ValidateTarget, NamesEveryWrongField) {
  PredictionTarget target;
  target.params = -1;
  target.tokens = std::nan("");
  target.batch_size_tokens = 0;
  target.interval = 1;
  target.max_extrapolation = 0.5;
  EXPECT_EQ(ValidateTarget(target).size(), 5u);
  EXPECT_TRUE(ValidateTarget(At(1, 1)).empty());
}

}  // namespace
}  // namespace sextant::fitting
