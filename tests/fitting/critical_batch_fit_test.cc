// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/random.h"
#include "fitting/curve/trajectory.h"
#include "fitting/fit.h"
#include "fitting/predict.h"
#include "fitting/refusal.h"
#include "tests/fitting/catalogue_fixture.h"
#include "tests/fitting/critical_batch/zhang_table.h"

namespace sextant::fitting {
namespace {

constexpr double kSequence = 512;

/// A row a run, as somebody types off a table: no rates, no curves, every run stopped at the target.
std::vector<BatchRun> ZhangRuns() {
  std::vector<BatchRun> runs;
  for (const ZhangSize& size : kZhangSizes) {
    for (std::size_t i = 0; i < kZhangBatches.size(); ++i) {
      BatchRun run;
      run.run_id = std::to_string(size.millions) + "/" + std::to_string(kZhangBatches[i]);
      run.params = 1e6 * size.millions;
      run.batch_size_tokens = kSequence * kZhangBatches[i];
      run.tokens = size.steps[i] * run.batch_size_tokens;
      run.final_loss = size.target_loss;
      runs.push_back(std::move(run));
    }
  }
  return runs;
}

/// Constant-rate races whose critical batch is 2e8 / L^(1/0.21) (Kaplan et al. 2020) at every size.
std::vector<BatchRun> Races(double noise, std::uint64_t seed) {
  const TrajectoryLaw law = {6.5e13, .077, 2.1e3, .76, 2e8, .21};
  std::vector<BatchRun> runs;
  std::uint64_t stream = 0;
  for (const double params : {1e7, 4e7, 1.6e8}) {
    for (const double batch : {1.6e4, 6.4e4, 2.56e5, 1.024e6, 4.096e6}) {
      RandomStream random(seed, stream++);
      BatchRun run;
      run.run_id = std::to_string(stream);
      run.params = params;
      run.batch_size_tokens = batch;
      run.learning_rate = 1e-3;
      run.rate_is_constant = true;
      const double most = 4e4 * (1 + 3e5 / batch);
      run.tokens = batch * most;
      for (int k = 0; k < 200; ++k) {
        const double step = std::round(20 * std::pow(most / 20, k / 199.0));
        if (!run.curve.step.empty() && step <= run.curve.step.back()) continue;
        run.curve.step.push_back(step);
        run.curve.train_loss.push_back(TrajectoryLoss(law, params, step, batch) *
                                       std::exp(noise * random.Normal()));
      }
      runs.push_back(std::move(run));
    }
  }
  return runs;
}

FitRequest Request(const std::string& definition) {
  FitRequest request;
  request.estimator = definition;
  request.bootstrap_replicates = 200;
  return request;
}

TEST(CriticalBatchFit, GivesZhangsLawFromATableOfSteps) {
  FitRequest request = Request("overhead");
  request.options = CriticalBatchOptions{.target_losses = {}, .overhead_anchor_tokens = 256 * kSequence};
  const auto fit = Fit(ShippedLaw("cbs-power-n"), {.races = ZhangRuns()}, request);
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_EQ(fit->estimator, "overhead");
  EXPECT_EQ(fit->cells_used, 5);
  // 93.1968 N_M^0.468278 sequences; the last printed digit hangs on how far the five fits were run.
  const double exponent = fit->parameters[1].estimate;
  EXPECT_NEAR(exponent, 0.4682782372, 2e-6);
  EXPECT_NEAR(std::exp(fit->parameters[0].estimate + exponent * std::log(1e6)) / kSequence, 93.1968, 5e-4);
  EXPECT_LT(*fit->parameters[1].low, exponent);
  EXPECT_GT(*fit->parameters[1].high, exponent);
  const auto predictor = Predictor::FromFit("f", *fit);
  ASSERT_TRUE(predictor.ok()) << predictor.status();
  Prediction prediction;
  PredictionTarget target;
  target.params = 1.2e9;
  target.tokens = 1e10;
  target.batch_size_tokens = 1e6;
  (*predictor)->Predict(target, prediction);
  EXPECT_EQ(prediction.critical_batch_definition, "overhead");
  EXPECT_NEAR(prediction.quantities[Target::kCriticalBatchSizeTokens].value / kSequence, 2578.22, 0.05);
  EXPECT_FALSE(prediction.tradeoff) << "the overhead batch says nothing about the two costs";
}

TEST(CriticalBatchFit, RecoversTheLawAgainstTheLossWithinItsInterval) {
  int held = 0;
  for (std::uint64_t trial = 0; trial < 10; ++trial) {
    const auto fit = Fit(ShippedLaw("cbs-power-loss"), {.races = Races(.004, trial)}, Request("auto"));
    ASSERT_TRUE(fit.ok()) << fit.status();
    EXPECT_EQ(fit->estimator, "hyperbola");
    EXPECT_NEAR(fit->parameters[1].estimate, 0.21, 0.03);
    held += *fit->parameters[1].low <= 0.21 && 0.21 <= *fit->parameters[1].high;
  }
  EXPECT_GE(held, 8);
}

TEST(CriticalBatchFit, SaysWhatAFixedBatchCostsByTheHyperbola) {
  const auto fit = Fit(ShippedLaw("cbs-power-loss"), {.races = Races(.002, 1)}, Request("hyperbola"));
  ASSERT_TRUE(fit.ok()) << fit.status();
  const auto predictor = Predictor::FromFit("f", *fit);
  ASSERT_TRUE(predictor.ok());
  Prediction prediction;
  PredictionTarget target;
  target.params = 1e7;
  target.tokens = 1e10;
  target.batch_size_tokens = 5e5;
  target.loss_nats = 4.0;
  (*predictor)->Predict(target, prediction);
  ASSERT_TRUE(prediction.tradeoff);
  const double critical = prediction.quantities[Target::kCriticalBatchSizeTokens].value;
  const BatchTradeoff& tradeoff = *prediction.tradeoff;
  EXPECT_DOUBLE_EQ(tradeoff.extra_steps_share.value, critical / 5e5);
  // (S/S_min - 1)(E/E_min - 1) = 1, McCandlish et al. 2018.
  EXPECT_NEAR(tradeoff.extra_steps_share.value * tradeoff.extra_compute_share.value, 1, 1e-12);
  EXPECT_LT(*tradeoff.extra_compute_share.low, *tradeoff.extra_compute_share.high);
}

TEST(CriticalBatchFit, RefusesWithTheReasonOfTheCells) {
  std::vector<BatchRun> runs = ZhangRuns();
  std::erase_if(runs, [](const BatchRun& run) { return run.batch_size_tokens > 150 * kSequence; });
  const auto fit = Fit(ShippedLaw("cbs-power-n"), {.races = runs}, Request("auto"));
  EXPECT_EQ(fit.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(IsNotIdentifiable(fit.status())) << fit.status();
  EXPECT_NE(std::string(fit.status().message()).find("at least 3"), std::string::npos) << fit.status();

  const auto none = Fit(ShippedLaw("cbs-power-n"), {.races = {}}, Request("auto"));
  EXPECT_EQ(none.status().code(), absl::StatusCode::kFailedPrecondition);

  std::vector<BatchRun> one_size = ZhangRuns();
  std::erase_if(one_size, [](const BatchRun& run) { return run.params > 1e8; });
  const auto flat = Fit(ShippedLaw("cbs-power-n"), {.races = one_size}, Request("overhead"));
  EXPECT_EQ(flat.status().code(), absl::StatusCode::kFailedPrecondition) << flat.status();
}

TEST(CriticalBatchFit, RefusesOptionsThatDoNotBelong) {
  const auto code = [](const FitRequest& request) {
    return Fit(ShippedLaw("cbs-power-n"), {.races = ZhangRuns()}, request).status().code();
  };
  EXPECT_EQ(code(Request("band")), absl::StatusCode::kInvalidArgument);
  FitRequest request = Request("overhead");
  request.options = CriticalBatchOptions{.target_losses = {}, .overhead = -1};
  EXPECT_EQ(code(request), absl::StatusCode::kInvalidArgument);
  request = Request("overhead");
  request.holdout_filter = "tokens > 1";
  EXPECT_EQ(code(request), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sextant::fitting
