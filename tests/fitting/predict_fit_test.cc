// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "fitting/fit.h"
#include "fitting/predict.h"
#include "tests/fitting/catalogue_fixture.h"
#include "tests/fitting/synthetic.h"

namespace sextant::fitting {
namespace {

PredictionTarget Target1B() {
  PredictionTarget target;
  target.params = 1e9;
  target.tokens = 1e11;
  return target;
}

FitResult FitBandWith(const std::string& law, std::int64_t replicates) {
  FitRequest request;
  request.estimator = "band";
  request.bootstrap_replicates = replicates;
  absl::StatusOr<FitResult> fit = Fit(ShippedLaw(law), {.runs = KnownSweep(5e-4)}, request);
  EXPECT_TRUE(fit.ok()) << fit.status();
  return fit.ok() ? *fit : FitResult{};
}

TEST(FitPredictor, ExtrapolatesTheKnownLawInsideItsInterval) {
  absl::StatusOr<std::shared_ptr<const Predictor>> predictor =
      Predictor::FromFit("studies/s/fits/f", FitBandWith("lr-power-nd", 400));
  ASSERT_TRUE(predictor.ok()) << predictor.status();
  Prediction prediction;
  (*predictor)->Predict(Target1B(), prediction);
  const Quantity rate = prediction.quantities.at(Target::kLearningRate);
  const double truth = 30 * std::pow(1e9, -0.6) * std::pow(1e11, 0.15);
  ASSERT_TRUE(rate.low && rate.high);
  EXPECT_LT(*rate.low, truth);
  EXPECT_GT(*rate.high, truth);
  EXPECT_LT(*rate.low, rate.value);
  EXPECT_GT(*rate.high, rate.value);
  EXPECT_EQ(prediction.fits, std::vector<std::string>{"studies/s/fits/f"});
  EXPECT_EQ(prediction.rate_kind, "joint");
  EXPECT_NEAR(prediction.extrapolation_params, 1e9 / 6e8, 1e-6);
  EXPECT_NEAR(prediction.extrapolation_tokens, 1e11 / 16e9, 1e-6);
}

TEST(FitPredictor, WithoutABootstrapGivesNoInterval) {
  absl::StatusOr<std::shared_ptr<const Predictor>> predictor =
      Predictor::FromFit("f", FitBandWith("batch-power-nd", 0));
  ASSERT_TRUE(predictor.ok()) << predictor.status();
  Prediction prediction;
  (*predictor)->Predict(Target1B(), prediction);
  EXPECT_FALSE(prediction.quantities.at(Target::kBatchSizeTokens).low.has_value());
}

TEST(FitPredictor, MergesARateAndABatchIntoOnePrediction) {
  Prediction prediction;
  for (const char* law : {"lr-power-nd", "batch-power-d"}) {
    absl::StatusOr<std::shared_ptr<const Predictor>> predictor =
        Predictor::FromFit(law, FitBandWith(law, 20));
    ASSERT_TRUE(predictor.ok()) << predictor.status();
    (*predictor)->Predict(Target1B(), prediction);
  }
  EXPECT_EQ(prediction.fits.size(), 2u);
  EXPECT_TRUE(prediction.quantities.contains(Target::kLearningRate));
  EXPECT_TRUE(prediction.quantities.contains(Target::kBatchSizeTokens));
}

TEST(FitPredictor, PushesReplicatesOfALossLawThroughTheLaw) {
  // Two hand-made replicates either side of the estimate.
  FitResult result;
  const LawSpec& spec = ShippedLaw("loss-chinchilla")->spec();
  result.law_id = spec.id;
  result.law_toml = LawSpecToToml(spec);
  result.target = Target::kLoss;
  result.bootstrap_replicates = 2;
  for (const ParameterSpec& parameter : spec.parameters) {
    const double value = parameter.name == "E"       ? 1.7
                         : parameter.name == "A"     ? 400
                         : parameter.name == "B"     ? 400
                         : parameter.name == "alpha" ? 0.34
                                                     : 0.28;
    result.parameters.push_back({parameter.name, value, {}, {}, false});
  }
  for (const double shift : {-0.1, 0.1}) {
    for (const ParameterEstimate& parameter : result.parameters) {
      result.replicates.push_back(parameter.estimate + (parameter.name == "E" ? shift : 0));
    }
  }
  absl::StatusOr<std::shared_ptr<const Predictor>> predictor = Predictor::FromFit("f", result);
  ASSERT_TRUE(predictor.ok()) << predictor.status();
  PredictionTarget target = Target1B();
  target.interval = 0.5;
  Prediction prediction;
  (*predictor)->Predict(target, prediction);
  const Quantity loss = prediction.quantities.at(Target::kLoss);
  const double expected = 1.7 + 400 / std::pow(1e9, 0.34) + 400 / std::pow(1e11, 0.28);
  EXPECT_NEAR(loss.value, expected, 1e-12);
  EXPECT_NEAR(*loss.low, expected - 0.05, 1e-12);
  EXPECT_NEAR(*loss.high, expected + 0.05, 1e-12);
}

TEST(FitPredictor, RefusesAStoredFitThatDoesNotMatchItsLaw) {
  FitResult result = FitBandWith("lr-power-nd", 10);
  result.parameters.pop_back();
  EXPECT_EQ(Predictor::FromFit("f", result).status().code(), absl::StatusCode::kDataLoss);
  result.model = LeastSquaresModel{};
  result.replicates.clear();
  EXPECT_EQ(Predictor::FromFit("f", result).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace sextant::fitting
