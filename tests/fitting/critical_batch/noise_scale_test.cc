// SPDX-License-Identifier: Apache-2.0
#include "fitting/critical_batch/noise_scale.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"
#include "fitting/curve/trajectory.h"

namespace sextant::fitting {
namespace {

TEST(NoiseScale, TwoBatchEstimatorUndoesItsOwnArithmetic) {
  const auto scale = NoiseScaleFromTwoBatches(4, 2.5, 64, 0.625);
  ASSERT_TRUE(scale.ok());
  EXPECT_NEAR(scale->gradient_squared, 0.5, 1e-12);
  EXPECT_NEAR(scale->trace_covariance, 8, 1e-12);
  EXPECT_NEAR(scale->simple, 16, 1e-12);
}

TEST(NoiseScale, RefusesBadBatchesAndSwampedGradients) {
  EXPECT_EQ(NoiseScaleFromTwoBatches(64, 1, 4, 1).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(NoiseScaleFromTwoBatches(4, NAN, 64, 1).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(NoiseScaleFromTwoBatches(4, 10, 64, .1).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(NoiseScale, RatioOfAveragesIsNotTheAverageOfRatios) {
  std::vector<double> small, large;
  RandomStream random(1, 1);
  double ratios = 0;
  constexpr int kCount = 20000;
  for (int i = 0; i < kCount; ++i) {
    const double gradient = .5 * std::exp(.5 * random.Normal() - .125);
    small.push_back(gradient + 8.0 / 4);
    large.push_back(gradient + 8.0 / 64);
    ratios += 8 / gradient / kCount;
  }
  const std::vector<double> smoothed = SmoothedNoiseScale(4, small, 64, large, .999);
  EXPECT_NEAR(smoothed.back(), 16, .8);
  EXPECT_GT(ratios, 18);
}

CleanCurve Curve(uint64_t seed) {
  LossCurve curve;
  RandomStream random(seed, 0);
  for (int step = 10; step < 4000; step += 10) {
    const double loss = 1.8 + 3 * std::pow(step, -.3);
    curve.step.push_back(step);
    curve.train_loss.push_back(loss * std::exp(.003 * random.Normal()));
    curve.gradient_noise_scale_tokens.push_back(CriticalBatchAtLoss(loss, 2e8, .21) *
                                                std::exp(.3 * random.Normal()));
  }
  return Clean(curve);
}

TEST(NoiseScale, AtALossAndAsALaw) {
  const std::vector<CleanCurve> curves = {Curve(1), Curve(2), Curve(3)};
  const CriticalBatchEstimate at = NoiseScaleAtLoss(curves[0], 2.3);
  ASSERT_TRUE(at.answered) << at.reason;
  EXPECT_EQ(at.definition, CriticalBatchDefinition::kNoiseScale);
  const double truth = CriticalBatchAtLoss(2.3, 2e8, .21);
  EXPECT_NEAR(at.batch_size.value / truth, 1, .15);
  const auto law = FitNoiseScaleLaw(curves, .9, 100);
  ASSERT_TRUE(law.ok()) << law.status().message();
  EXPECT_LT(law->alpha.low, .21);
  EXPECT_GT(law->alpha.high, .21);
  EXPECT_NEAR(law->BatchAt(2.3) / truth, 1, .1);
}

TEST(NoiseScale, SaysWhenNoneWasMeasured) {
  LossCurve curve;
  for (int i = 1; i < 50; ++i) {
    curve.step.push_back(i);
    curve.train_loss.push_back(5 * std::pow(i, -.1));
  }
  EXPECT_NE(NoiseScaleAtLoss(Clean(curve), 4).reason.find("no gradient noise scale"), std::string::npos);
  EXPECT_FALSE(FitNoiseScaleLaw(std::vector<CleanCurve>{Clean(curve)}).ok());
}

}  // namespace
}  // namespace sextant::fitting
