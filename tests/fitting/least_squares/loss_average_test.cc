// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/loss_average.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "tests/fitting/least_squares/fixtures.h"

namespace sextant::fitting {
namespace {

using testing::ChinchillaLaw;
using testing::Quick;
using testing::Surface;
using testing::SurfaceRuns;

std::shared_ptr<const Law> OneTermLaw() {
  return golden::TextLaw("E + A / N^alpha", {"N", "D"},
                         {{"E", {0, 100}, "", {}}, {"A", {0, 1e300}, "log", {}}, {"alpha", {0, 5}, "", {}}},
                         "huber:1e-3");
}

TEST(LossAverage, WeighsLawsByTheirErrorAtTheHeldOutScales) {
  const auto average = AverageLossLaws({OneTermLaw(), ChinchillaLaw()}, SurfaceRuns(8, 8, .002), Quick());
  ASSERT_TRUE(average.ok()) << average.status();
  ASSERT_EQ(average->members.size(), 2u);
  EXPECT_EQ(average->members[0].law->spec().expression, ChinchillaLaw()->spec().expression);
  const double a = average->members[0].held_out_error, b = average->members[1].held_out_error;
  EXPECT_LT(a, b);
  EXPECT_NEAR(average->members[0].weight, b * b / (a * a + b * b), 1e-9);
  EXPECT_NEAR(average->members[0].weight + average->members[1].weight, 1, 1e-12);
  const std::vector<double> at = {3e10, 6e11};
  EXPECT_NEAR(PredictLoss(*average, at, .9).value / Surface().Loss(at[0], at[1]), 1, .01);
}

TEST(LossAverage, LeavesOutWhatCannotBeFittedAndSaysWhy) {
  const auto other = golden::TextLaw("E + A / x^alpha", {"x"},
                                     {{"E", {}, "", {}}, {"A", {0, 1e9}, "log", {}}, {"alpha", {}, "", {}}});
  const auto average = AverageLossLaws({ChinchillaLaw(), other}, SurfaceRuns(6, 6, .002), Quick());
  ASSERT_TRUE(average.ok());
  EXPECT_EQ(average->members.size(), 1u);
  ASSERT_EQ(average->left_out.size(), 1u);
  EXPECT_NE(average->left_out[0].find("other variables"), std::string::npos);
  EXPECT_FALSE(AverageLossLaws({}, SurfaceRuns(6, 6, .002), Quick()).ok());
}

TEST(LossAverage, ThePredictionIntervalHoldsRunsAndTheParameterIntervalTheCurve) {
  int runs = 0, curve = 0;
  constexpr int kStudies = 20;
  for (int study = 0; study < kStudies; ++study) {
    SolveOptions options = Quick();
    options.replicates = 40;
    const double noise = .01;
    const auto average = AverageLossLaws(
        {ChinchillaLaw()}, SurfaceRuns(6, 6, noise, static_cast<std::uint64_t>(study) + 50), options);
    ASSERT_TRUE(average.ok());
    const std::vector<double> at = {3e10, 6e11};
    const LossPrediction p = PredictLoss(*average, at, .9);
    EXPECT_LE(p.low, p.parameter_low);
    EXPECT_GE(p.high, p.parameter_high);
    EXPECT_LE(p.parameter_low, p.value);
    EXPECT_GE(p.parameter_high, p.value);
    const double truth = Surface().Loss(at[0], at[1]);
    RandomStream random(9, static_cast<std::uint64_t>(study));
    const double run = truth * std::exp(noise * random.Normal());
    runs += p.low <= run && run <= p.high;
    curve += p.parameter_low <= truth && truth <= p.parameter_high;
  }
  EXPECT_GE(runs, kStudies * 75 / 100);
  EXPECT_GE(curve, kStudies * 60 / 100);
}

TEST(LossAverage, GrowsWiderBeyondTheData) {
  SolveOptions options = Quick();
  options.replicates = 30;
  const auto average = AverageLossLaws({OneTermLaw(), ChinchillaLaw()}, SurfaceRuns(8, 8, .005), options);
  ASSERT_TRUE(average.ok());
  const auto width = [&](double n, double d) {
    const LossPrediction p = PredictLoss(*average, std::vector<double>{n, d}, .9);
    return std::log(p.high / p.low);
  };
  EXPECT_GT(width(1e11, 3e12), 1.3 * width(1e10, 2e11));
}

}  // namespace
}  // namespace sextant::fitting
