// SPDX-License-Identifier: Apache-2.0
// Laws of schedules and trajectories through the door that services use.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"
#include "fitting/curve/schedule.h"
#include "fitting/curve/trajectory.h"
#include "fitting/fit.h"
#include "fitting/predict.h"
#include "fitting/refusal.h"
#include "tests/fitting/catalogue_fixture.h"

namespace sextant::fitting {
namespace {

// The 25M model of Luo et al. 2025.
const MultiPowerLaw kTruth = {3.04045406, .52468604, .50786857, 363.78751622,
                              2.06560812, .58279013, .64142257};

std::vector<double> Rates(DecayShape shape, double steps, double decay_share = 0.2) {
  return *MakeSchedule({.shape = shape,
                        .peak_learning_rate = 3e-4,
                        .final_learning_rate = 3e-5,
                        .total_steps = steps,
                        .warmup_steps = 500,
                        .decay_share = decay_share});
}

ScheduledRun NoisyRun(std::string id, std::vector<double> rates, std::uint64_t seed) {
  ScheduledRun run;
  run.run_id = std::move(id);
  run.curve.learning_rate = std::move(rates);
  for (std::size_t step = 600; step < run.curve.learning_rate.size(); step += 20)
    run.curve.step.push_back(step);
  run.curve.loss = MultiPowerLoss(kTruth, run.curve.learning_rate, run.curve.step);
  RandomStream random(seed, run.curve.learning_rate.size());
  for (double& loss : run.curve.loss) loss *= std::exp(0.004 * random.Normal());
  return run;
}

Quantity PredictedEnd(const Predictor& predictor, std::vector<double> rates) {
  PredictionTarget target;
  target.learning_rates = std::make_shared<const std::vector<double>>(std::move(rates));
  EXPECT_TRUE(ValidateTarget(target).empty());
  Prediction prediction;
  predictor.Predict(target, prediction);
  EXPECT_TRUE(prediction.withheld.empty()) << prediction.withheld.front().reason;
  return prediction.quantities.at(Target::kLoss);
}

double TrueEnd(const std::vector<double>& rates) {
  const std::vector<std::size_t> last = {rates.size() - 1};
  return MultiPowerLoss(kTruth, rates, last).front();
}

TEST(CurveLawFit, CosineAndConstantCurvesTellTheEndOfOtherSchedules) {
  int inside = 0, answers = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    FitInput input;
    input.curves = {NoisyRun("cosine", Rates(DecayShape::kCosine, 16000), seed),
                    NoisyRun("constant", Rates(DecayShape::kConstant, 16000), seed + 100)};
    const auto fit = Fit(ShippedLaw("mpl"), input, {});
    ASSERT_TRUE(fit.ok()) << fit.status();
    EXPECT_EQ(fit->data_source, "curves");
    EXPECT_EQ(fit->runs_used, 2);
    const auto predictor = Predictor::FromFit("studies/s/fits/f", *fit);
    ASSERT_TRUE(predictor.ok()) << predictor.status();
    std::vector<double> step = Rates(DecayShape::kConstant, 16000);
    for (std::size_t i = 9000; i < step.size(); ++i) step[i] = 9e-5;
    for (const std::vector<double>& rates :
         {Rates(DecayShape::kWsd, 16000), Rates(DecayShape::kWsd, 24000, 0.1), step}) {
      const Quantity end = PredictedEnd(**predictor, rates);
      EXPECT_NEAR(end.value / TrueEnd(rates), 1, 0.002) << "seed " << seed;
      ASSERT_TRUE(end.low && end.high);
      EXPECT_LT(*end.high - *end.low, 0.02 * end.value);
      inside += *end.low <= TrueEnd(rates) && TrueEnd(rates) <= *end.high;
      ++answers;
    }
  }
  EXPECT_GE(inside, answers * 8 / 10) << "of " << answers;
}

TEST(CurveLawFit, TissueFitsToo) {
  const TissueLaw truth = {.l0 = 2.8, .a = .5, .alpha = .5, .c = 1.2, .lambda = .999};
  FitInput input;
  for (const DecayShape shape : {DecayShape::kCosine, DecayShape::kWsd}) {
    ScheduledRun run = NoisyRun("r", Rates(shape, 12000), 1);
    const std::vector<double> losses = TissueLoss(truth, run.curve.learning_rate);
    for (std::size_t i = 0; i < run.curve.step.size(); ++i) run.curve.loss[i] = losses[run.curve.step[i]];
    input.curves.push_back(std::move(run));
  }
  const auto fit = Fit(ShippedLaw("tissue"), input, {});
  ASSERT_TRUE(fit.ok()) << fit.status();
  const auto predictor = Predictor::FromFit("f", *fit);
  ASSERT_TRUE(predictor.ok());
  const std::vector<double> unseen = Rates(DecayShape::kLinear, 12000);
  const Quantity end = PredictedEnd(**predictor, unseen);
  EXPECT_NEAR(end.value / TissueLoss(truth, unseen).back(), 1, 0.002);
  EXPECT_TRUE(end.low && end.high);
}

TEST(CurveLawFit, SaysWhatCurvesLack) {
  FitInput none;
  none.curves = {NoisyRun("r", Rates(DecayShape::kCosine, 4000), 1)};
  none.curves[0].curve.learning_rate.clear();
  const auto fit = Fit(ShippedLaw("mpl"), none, {});
  EXPECT_TRUE(IsNotIdentifiable(fit.status())) << fit.status();
  EXPECT_NE(fit.status().message().find("learning rate"), std::string::npos) << fit.status();
}

TEST(CurveLawFit, ALawOfSchedulesAsksForOne) {
  FitInput input;
  input.curves = {NoisyRun("cosine", Rates(DecayShape::kCosine, 8000), 1),
                  NoisyRun("constant", Rates(DecayShape::kConstant, 8000), 2)};
  const auto fit = Fit(ShippedLaw("mpl"), input, {});
  ASSERT_TRUE(fit.ok()) << fit.status();
  const auto predictor = Predictor::FromFit("f", *fit);
  ASSERT_TRUE(predictor.ok());
  PredictionTarget target;
  target.params = 1e9;
  target.tokens = 1e10;
  Prediction prediction;
  (*predictor)->Predict(target, prediction);
  ASSERT_EQ(prediction.withheld.size(), 1U);
  EXPECT_NE(prediction.withheld[0].reason.find("schedule"), std::string::npos);
}

TEST(CurveLawFit, TrajectoriesAreFittedToCurvesOfSeveralSizesAndBatches) {
  const TrajectoryLaw truth = {6.5e13, .077, 2.1e3, .76, 2e8, .21};
  FitInput input;
  for (const double params : {1e7, 4e7, 1.6e8}) {
    for (const double batch : {6.4e4, 2.56e5, 1.024e6}) {
      ScheduledRun& run = input.curves.emplace_back();
      run.run_id = std::to_string(input.curves.size());
      run.params = params;
      run.batch_size_tokens = batch;
      RandomStream random(5, input.curves.size());
      for (std::size_t step = 200; step < 20000; step = step * 5 / 4) {
        run.curve.step.push_back(step - 1);
        run.curve.loss.push_back(TrajectoryLoss(truth, params, static_cast<double>(step), batch) *
                                 std::exp(0.002 * random.Normal()));
      }
    }
  }
  FitRequest request;
  request.bootstrap_replicates = 40;
  const auto fit = Fit(ShippedLaw("loss-trajectory"), input, request);
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_EQ(fit->runs_used, 9);
  const auto predictor = Predictor::FromFit("f", *fit);
  ASSERT_TRUE(predictor.ok()) << predictor.status();
  PredictionTarget target;
  target.at = {{"N", 3e8}, {"S", 3e4}, {"B", 5e5}};
  Prediction prediction;
  (*predictor)->Predict(target, prediction);
  ASSERT_TRUE(prediction.withheld.empty()) << prediction.withheld[0].reason;
  const Quantity& loss = prediction.quantities.at(Target::kLoss);
  EXPECT_NEAR(loss.value / TrajectoryLoss(truth, 3e8, 3e4, 5e5), 1, 0.01);
  EXPECT_TRUE(loss.low && loss.high);
}

}  // namespace
}  // namespace sextant::fitting
