// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/curve.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/random.h"

namespace sextant::fitting {
namespace {

LossCurve PowerLaw(int points, double noise = 0) {
  LossCurve curve;
  RandomStream random(1, 1);
  for (int i = 1; i <= points; ++i) {
    curve.step.push_back(10 * i);
    curve.tokens.push_back(1e4 * i);
    curve.train_loss.push_back((1.5 + 4 * std::pow(10 * i, -.3)) * std::exp(noise * random.Normal()));
  }
  return curve;
}

TEST(CleanCurve, KeepsAGoodCurveAsItIs) {
  const LossCurve curve = PowerLaw(200, .003);
  const CleanCurve clean = Clean(curve);
  EXPECT_EQ(clean.quality.label, CurveLabel::kUsable) << clean.quality.reason;
  EXPECT_EQ(clean.x, curve.step);
  EXPECT_EQ(clean.loss, curve.train_loss);
  EXPECT_EQ(clean.tokens, curve.tokens);
  EXPECT_NEAR(clean.quality.noise, .003, .001);
  for (size_t i = 50; i < 200; ++i) {
    EXPECT_NEAR(clean.smoothed_loss[i], 1.5 + 4 * std::pow(curve.step[i], -.3), .02) << i;
  }
}

TEST(CleanCurve, LaterSegmentsOfARestartWin) {
  LossCurve curve = PowerLaw(100);
  // A restart from step 600: the steps up to 1000 are run again, and get further.
  for (int i = 60; i <= 150; ++i) {
    curve.step.push_back(10 * i);
    curve.tokens.push_back(1e4 * i);
    curve.train_loss.push_back(2.0);
  }
  const CleanCurve clean = Clean(curve);
  EXPECT_EQ(clean.quality.restarts, 1u);
  EXPECT_EQ(clean.quality.overwritten, 41u);
  ASSERT_EQ(clean.x.size(), 150u);
  EXPECT_DOUBLE_EQ(clean.loss[59], 2.0);
  EXPECT_GT(clean.loss[58], 2.0);
}

TEST(CleanCurve, TheLastRecordOfARepeatedStepWins) {
  LossCurve curve = PowerLaw(50);
  curve.step[20] = curve.step[19];
  const CleanCurve clean = Clean(curve);
  EXPECT_EQ(clean.quality.duplicates, 1u);
  EXPECT_EQ(clean.x.size(), 49u);
  EXPECT_DOUBLE_EQ(clean.loss[19], curve.train_loss[20]);
}

TEST(CleanCurve, AShuffledFileIsSortedNotCutUp) {
  const LossCurve curve = PowerLaw(300);
  LossCurve shuffled = curve;
  RandomStream random(4, 4);
  for (size_t i = 299; i > 0; --i) {
    const size_t j = random.Index(i + 1);
    std::swap(shuffled.step[i], shuffled.step[j]);
    std::swap(shuffled.tokens[i], shuffled.tokens[j]);
    std::swap(shuffled.train_loss[i], shuffled.train_loss[j]);
  }
  const CleanCurve clean = Clean(shuffled);
  EXPECT_EQ(clean.x, curve.step);
  EXPECT_EQ(clean.loss, curve.train_loss);
}

TEST(CleanCurve, DropsWhatIsMissingAndCountsGaps) {
  LossCurve curve = PowerLaw(200);
  curve.train_loss[5] = std::numeric_limits<double>::quiet_NaN();
  curve.train_loss[6] = -1;
  curve.step[7] = std::numeric_limits<double>::infinity();
  for (size_t i = 120; i < 200; ++i) curve.step[i] += 5000;
  const CleanCurve clean = Clean(curve);
  EXPECT_EQ(clean.quality.non_finite, 3u);
  EXPECT_EQ(clean.quality.gaps, 1u);
  EXPECT_EQ(clean.x.size(), 197u);
}

TEST(CleanCurve, ExcludesTheWarmup) {
  const CleanCurve clean = Clean(PowerLaw(100), {.warmup_steps = 200});
  EXPECT_EQ(clean.quality.warmup_dropped, 20u);
  EXPECT_GT(clean.x.front(), 200);
}

TEST(CleanCurve, LabelsWhatCannotBeUsed) {
  EXPECT_EQ(Clean({}).quality.label, CurveLabel::kMalformed);
  EXPECT_EQ(Clean(PowerLaw(1)).quality.label, CurveLabel::kTooShort);
  LossCurve curve = PowerLaw(50);
  curve.train_loss.pop_back();
  EXPECT_EQ(Clean(curve).quality.label, CurveLabel::kMalformed);
  curve = PowerLaw(50);
  curve.train_loss.assign(50, std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(Clean(curve).quality.label, CurveLabel::kTooShort);
  curve = PowerLaw(50);
  curve.train_loss.back() = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Clean(curve).quality.label, CurveLabel::kDiverged);
  curve = PowerLaw(200);
  for (size_t i = 150; i < 200; ++i) curve.train_loss[i] = 8;
  EXPECT_EQ(Clean(curve).quality.label, CurveLabel::kDiverged);
  curve = PowerLaw(200);
  curve.train_loss.assign(200, 5.5);
  EXPECT_EQ(Clean(curve).quality.label, CurveLabel::kNotYetPowerLaw);
  LossCurve only_loss;
  only_loss.train_loss = {3, 2, 1};
  EXPECT_EQ(Clean(only_loss).quality.label, CurveLabel::kMalformed);
  EXPECT_FALSE(Clean(only_loss).quality.reason.empty());
}

TEST(CleanCurve, ReadsTokensAndValidationLossWhenAsked) {
  LossCurve curve = PowerLaw(50);
  curve.step.clear();
  curve.validation_loss = curve.train_loss;
  curve.train_loss.clear();
  EXPECT_EQ(Clean(curve).quality.label, CurveLabel::kMalformed);
  const CleanCurve clean = Clean(curve, {.loss = LossColumn::kValidation});
  EXPECT_FALSE(clean.x_is_step);
  EXPECT_EQ(clean.x, curve.tokens);
}

// A power law with a fall of `depth` (in ln loss) around step `middle`, about a third of an e-fold wide.
LossCurve WithDrop(double middle, double depth, double last) {
  LossCurve curve;
  RandomStream random(2, 2);
  for (double step = 10; step <= last; step *= 1.02) {
    const double share = 1 / (1 + std::exp(-(std::log(step / middle)) / .08));
    curve.step.push_back(step);
    curve.train_loss.push_back(4 * std::pow(step, -.12) * std::exp(-depth * share + .004 * random.Normal()));
  }
  return curve;
}

TEST(CurveRegime, FindsAnAbruptDropAndItsPlace) {
  const CleanCurve clean = Clean(WithDrop(800, .25, 6000));
  ASSERT_EQ(clean.quality.label, CurveLabel::kAbruptDrop) << clean.quality.reason;
  EXPECT_GT(clean.quality.drop_end, 800);
  EXPECT_LT(clean.quality.drop_begin, 800);
  EXPECT_NEAR(clean.quality.drop_log_ratio, .25, .1);
  EXPECT_NE(clean.quality.reason.find("sudden fall"), std::string::npos);
}

TEST(CurveRegime, SeesADropThatHasNotEnded) {
  EXPECT_EQ(Clean(WithDrop(800, .25, 850)).quality.label, CurveLabel::kDropInProgress);
}

TEST(CurveRegime, DoesNotSeeDropsInPowerLawsWithAndWithoutFloor) {
  EXPECT_EQ(Clean(WithDrop(800, 0, 6000)).quality.label, CurveLabel::kUsable);
  EXPECT_EQ(Clean(PowerLaw(3000, .01)).quality.label, CurveLabel::kUsable);
}

TEST(CurveRegime, KnowsAFirstPlateau) {
  LossCurve curve;
  for (double step = 10; step < 3000; step *= 1.02) {
    curve.step.push_back(step);
    curve.train_loss.push_back(5.5 / (1 + std::pow(step / 4000, 2)));
  }
  EXPECT_EQ(Clean(curve).quality.label, CurveLabel::kNotYetPowerLaw);
}

TEST(CleanCurve, TakesAMillionPoints) {
  const CleanCurve clean = Clean(PowerLaw(1'000'000, .01));
  EXPECT_EQ(clean.x.size(), 1'000'000u);
  EXPECT_EQ(clean.smoothed_loss.size(), 1'000'000u);
  EXPECT_EQ(clean.quality.label, CurveLabel::kUsable) << clean.quality.reason;
}

TEST(CleanCurve, SurvivesArbitraryNumbers) {
  RandomStream random(9, 9);
  for (int trial = 0; trial < 300; ++trial) {
    LossCurve curve;
    const size_t n = random.Index(60);
    for (size_t i = 0; i < n; ++i) {
      const auto wild = [&] {
        switch (random.Index(8)) {
          case 0:
            return std::numeric_limits<double>::quiet_NaN();
          case 1:
            return std::numeric_limits<double>::infinity();
          case 2:
            return -random.Uniform();
          case 3:
            return 0.0;
          case 4:
            return 1e300 * random.Uniform();
          case 5:
            return 1e-300 * random.Uniform();
          default:
            return 10 * random.Uniform();
        }
      };
      curve.step.push_back(wild());
      curve.train_loss.push_back(wild());
      curve.learning_rate.push_back(wild());
    }
    const CleanCurve clean = Clean(curve);
    for (size_t i = 0; i < clean.x.size(); ++i) {
      ASSERT_TRUE(std::isfinite(clean.loss[i]) && clean.loss[i] > 0);
      ASSERT_TRUE(i == 0 || clean.x[i] > clean.x[i - 1]);
    }
  }
}

}  // namespace
}  // namespace sextant::fitting
