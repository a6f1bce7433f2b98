// SPDX-License-Identifier: Apache-2.0
#include "fitting/critical_batch/from_steps.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cmath>
#include <vector>

#include "absl/status/status.h"
#include "base/random.h"
#include "fitting/critical_batch/tradeoff.h"
#include "fitting/curve/trajectory.h"
#include "tests/fitting/critical_batch/zhang_table.h"

namespace sextant::fitting {
namespace {

std::vector<StepsToTarget> Points(const ZhangSize& size) {
  std::vector<StepsToTarget> points;
  for (size_t i = 0; i < kZhangBatches.size(); ++i)
    points.push_back({.batch_size = kZhangBatches[i], .steps = size.steps[i]});
  return points;
}

TEST(Overhead, GivesZhangsFiveCriticalBatchesAndTheirLaw) {
  std::vector<ScaledCriticalBatch> scaled;
  for (const ZhangSize& size : kZhangSizes) {
    const OverheadFit fit = FitOverhead(Points(size), {.replicates = 200, .anchor_batch = 256});
    ASSERT_TRUE(fit.critical.answered) << fit.critical.reason;
    EXPECT_NEAR(fit.a, size.a, 5e-4 * 10);
    EXPECT_NEAR(fit.b / size.b, 1, 1e-6);
    EXPECT_NEAR(fit.critical.batch_size.value, size.critical, 1e-3);
    EXPECT_LT(fit.critical.batch_size.low, size.critical);
    EXPECT_GT(fit.critical.batch_size.high, size.critical);
    scaled.push_back({size.millions, 20 * size.millions, fit.critical.batch_size.value});
  }
  const auto laws = FitScaleLaws(scaled);
  ASSERT_TRUE(laws.ok()) << laws.status().message();
  const ScaleLaw* by_n = nullptr;
  for (const ScaleLaw& law : laws->forms) {
    if (law.law == "cbs-power-n") by_n = &law;
    EXPECT_NE(law.law, "cbs-power-nd") << "tokens are 20 N here, so the two exponents cannot be told apart";
  }
  ASSERT_NE(by_n, nullptr);
  EXPECT_TRUE(by_n->converged);
  // The printed 93.19681 comes from per-size fits stopped a little early; at their optimum it is 93.19678.
  EXPECT_NEAR(by_n->coefficient, 93.19681, 5e-5);
  EXPECT_NEAR(by_n->n_exponent, 0.4682782, 1e-7);
  EXPECT_NEAR(by_n->BatchAt(1200, 0), 2578.19, 0.01);
}

TEST(Hyperbola, ReproducesMcCandlishsArithmetic) {
  EXPECT_DOUBLE_EQ(StepsAtBatch(1e4, 1e5, 2e4), 6e4);
  EXPECT_DOUBLE_EQ(TokensAtBatch(1e9, 1e5, 2e4), 1.2e9);
  EXPECT_DOUBLE_EQ(StepsAtBatch(1e4, 1e5, 1e5), 2e4);
  EXPECT_DOUBLE_EQ(TokensAtBatch(1e9, 1e5, 5e5), 6e9);
  for (double batch : {2e4, 1e5, 5e5}) {
    const double steps = StepsAtBatch(1e4, 1e5, batch), tokens = TokensAtBatch(1e9, 1e5, batch);
    EXPECT_NEAR((steps / 1e4 - 1) * (tokens / 1e9 - 1), 1, 1e-12);
    EXPECT_NEAR(steps * batch, tokens, 1e-3);
  }
  EXPECT_DOUBLE_EQ(LearningRateAtBatch(3e-4, 1e5, 1e5), 1.5e-4);
}

TEST(Hyperbola, RecoversExactPointsExactly) {
  std::vector<StepsToTarget> points;
  for (double batch : {2e4, 5e4, 1e5, 5e5}) points.push_back({batch, StepsAtBatch(1e4, 1e5, batch)});
  const CriticalBatchEstimate fit = FitHyperbola(points);
  ASSERT_TRUE(fit.answered) << fit.reason;
  EXPECT_NEAR(fit.batch_size.value, 1e5, 1e-2);
  EXPECT_NEAR(fit.min_steps.value, 1e4, 1e-3);
  EXPECT_NEAR(fit.min_tokens.value, 1e9, 1e2);
}

TEST(Hyperbola, NinetyPercentIntervalsHoldTheTruthNineTimesInTen) {
  int held = 0;
  constexpr int kTrials = 300;
  for (int trial = 0; trial < kTrials; ++trial) {
    RandomStream random(11, static_cast<uint64_t>(trial));
    std::vector<StepsToTarget> points;
    for (double batch : {1e4, 2e4, 4e4, 8e4, 1.6e5, 3.2e5}) {
      points.push_back({batch, StepsAtBatch(1e4, 1e5, batch) * std::exp(.05 * random.Normal()), .05});
    }
    const CriticalBatchEstimate fit =
        FitHyperbola(points, {.replicates = 200, .seed = static_cast<uint64_t>(trial)});
    held += fit.answered && fit.batch_size.low <= 1e5 && fit.batch_size.high >= 1e5;
  }
  EXPECT_GE(held, kTrials * 85 / 100);
  EXPECT_LE(held, kTrials * 97 / 100);
}

TEST(Hyperbola, SaysWhyThereIsNoAnswer) {
  std::vector<StepsToTarget> straight, flat;
  for (double batch : {1e3, 2e3, 4e3, 8e3}) {
    straight.push_back({batch, 1e9 / batch});
    flat.push_back({batch, 1e4});
  }
  EXPECT_NE(FitHyperbola(straight).reason.find("larger batches"), std::string::npos);
  EXPECT_NE(FitHyperbola(flat).reason.find("smaller batches"), std::string::npos);
  EXPECT_NE(FitHyperbola(std::span(straight).first(2)).reason.find("at least 3"), std::string::npos);
  straight[1].steps = NAN;
  EXPECT_FALSE(FitHyperbola(straight).answered);
  EXPECT_FALSE(FitOverhead(straight).critical.answered);
  EXPECT_FALSE(MinimumComputeBatch(straight).answered);
  EXPECT_FALSE(FitHyperbola({}).answered);
}

TEST(MinimumCompute, FindsAnInteriorLeastAndRefusesAnEdge) {
  std::vector<StepsToTarget> points;
  for (double batch : {1e3, 2e3, 4e3, 8e3, 1.6e4}) {
    const double distance = std::log(batch / 5e3);
    points.push_back({batch, 1e8 / batch * std::exp(.1 * distance * distance), .01});
  }
  const CriticalBatchEstimate least = MinimumComputeBatch(points);
  ASSERT_TRUE(least.answered);
  EXPECT_NEAR(least.batch_size.value, 5e3, 50);
  EXPECT_LT(least.batch_size.low, 5e3);
  EXPECT_GT(least.batch_size.high, 5e3);
  // On McCandlish's curve the product only rises with the batch.
  for (StepsToTarget& p : points) p.steps = StepsAtBatch(1e4, 1e4, p.batch_size);
  EXPECT_NE(MinimumComputeBatch(points).reason.find("not bracketed"), std::string::npos);
}

std::vector<StepsToTarget> ManyTargets(double noise, uint64_t seed) {
  std::vector<StepsToTarget> points;
  int curve = 0;
  for (double batch : {1.6e4, 6.4e4, 2.5e5, 1e6, 4e6}) {
    RandomStream random(seed, static_cast<uint64_t>(++curve));
    const double luck = noise * random.Normal();
    for (double loss : {4.0, 3.5, 3.1, 2.8, 2.6}) {
      const double min_steps = std::pow(2.1e3 / (loss - 1.9), 1.2);
      const double steps = StepsAtBatch(min_steps, CriticalBatchAtLoss(loss, 2e8, .21), batch);
      points.push_back({batch, steps * std::exp(luck + .3 * noise * random.Normal()), 0, loss});
    }
  }
  return points;
}

TEST(JointHyperbola, RecoversKaplansLawFromExactPoints) {
  const auto fit = FitJointHyperbola(ManyTargets(0, 1), {.replicates = 20});
  ASSERT_TRUE(fit.ok()) << fit.status().message();
  EXPECT_TRUE(fit->converged);
  EXPECT_NEAR(fit->law.alpha.value, .21, 1e-6);
  EXPECT_NEAR(fit->law.b_star.value / 2e8, 1, 1e-4);
  EXPECT_NEAR(fit->law.BatchAt(3.0), 1069114.01, 200);
  EXPECT_EQ(fit->min_steps.size(), 5u);
}

TEST(JointHyperbola, IntervalsHoldTheTruthUnderCurveToCurveNoise) {
  int held = 0;
  constexpr int kTrials = 60;
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto fit =
        FitJointHyperbola(ManyTargets(.05, 100 + static_cast<uint64_t>(trial)), {.replicates = 200});
    ASSERT_TRUE(fit.ok());
    const BatchInterval at = fit->law.IntervalAt(3.0);
    held += at.low <= 1069114 && at.high >= 1069114;
  }
  EXPECT_GE(held, kTrials * 80 / 100);
}

TEST(JointHyperbola, IsTheSameAtAnyThreadCount) {
  absl::StatusOr<JointHyperbolaFit> a = absl::UnknownError("not run");
  {
    tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
    a = FitJointHyperbola(ManyTargets(.05, 5), {.replicates = 50});
  }
  const auto b = FitJointHyperbola(ManyTargets(.05, 5), {.replicates = 50});
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->law.b_star_draws, b->law.b_star_draws);
}

TEST(Tradeoff, PricesABatchOrANumberOfDevices) {
  std::vector<StepsToTarget> points;
  for (double batch : {2e4, 5e4, 1e5, 5e5}) points.push_back({batch, StepsAtBatch(1e4, 1e5, batch)});
  const CriticalBatchEstimate fit = FitHyperbola(points);
  const auto table =
      TradeoffTable(fit, std::vector<double>{5e4, 1e5}, {.params = 1e8, .batch_per_device = 1e4});
  ASSERT_TRUE(table.ok());
  EXPECT_NEAR((*table)[0].extra_steps_share.value, 2, 1e-6);
  EXPECT_NEAR((*table)[0].extra_compute_share.value, .5, 1e-6);
  EXPECT_DOUBLE_EQ((*table)[0].devices, 5);
  EXPECT_NEAR((*table)[1].flops.value / (6e8 * 2e9), 1, 1e-6);
  const OverheadFit overhead = FitOverhead(points);
  EXPECT_EQ(TradeoffTable(overhead.critical, std::vector<double>{1e5}).status().code(),
            absl::StatusCode::kFailedPrecondition)
      << "definitions are not mixed";
  EXPECT_FALSE(TradeoffTable(fit, std::vector<double>{-1}).ok());
}

}  // namespace
}  // namespace sextant::fitting
