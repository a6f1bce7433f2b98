// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace sextant::fitting {
namespace {

TEST(Tissue, SumsAndLossOfALinearAnneal) {
  std::vector<double> rate(1000, 1e-3);
  for (int i = 900; i < 1000; ++i) rate[i] = 1e-3 * (1 - (i - 899) / 100.0);
  const TissueSums sums = ComputeTissueSums(rate, .999);
  EXPECT_NEAR(sums.s1.back(), 0.9495, 1e-12);
  EXPECT_NEAR(sums.s2.back(), 0.0488735497, 1e-10);
  const TissueLaw law = {.l0 = 2.5, .a = .5, .alpha = .5, .c = 1, .lambda = .999};
  EXPECT_NEAR(TissueLoss(law, rate).back(), 2.9642506768, 1e-10);
  EXPECT_NEAR(TissueLoss(law, std::vector<double>(1000, 1e-3)).back(), 3.0, 1e-12);
}

// The 25M model of Luo et al. 2025: peak 3e-4, floor 3e-5, the first 2160 steps rise from 0 to the peak.
const MultiPowerLaw k25M = {3.04045406, .52468604, .50786857, 363.78751622, 2.06560812, .58279013, .64142257};

std::vector<double> Cosine(int total) {
  std::vector<double> rate(total);
  for (int i = 0; i < total; ++i) {
    rate[i] = i < 2160 ? 3e-4 * i / 2159
                       : 3e-5 + .5 * 2.7e-4 * (1 + std::cos(std::numbers::pi * (i - 2160) / (total - 2160)));
  }
  return rate;
}

TEST(MultiPower, GivesThePublishedPredictions) {
  const std::vector<size_t> at = {10000, 23999};
  const std::vector<double> cosine = MultiPowerLoss(k25M, Cosine(24000), at);
  EXPECT_NEAR(cosine[0], 3.45347143, 1e-8);
  EXPECT_NEAR(cosine[1], 3.31518652, 1e-8);
  std::vector<double> constant = Cosine(24000);
  std::fill(constant.begin() + 2160, constant.end(), 3e-4);
  EXPECT_NEAR(MultiPowerLoss(k25M, constant, std::vector<size_t>{23999})[0], 3.34584531, 1e-8);
  constant.resize(16000);
  std::fill(constant.begin() + 8000, constant.end(), 9e-5);
  EXPECT_NEAR(MultiPowerLoss(k25M, constant, std::vector<size_t>{15999})[0], 3.38489368, 1e-8);
  EXPECT_NEAR(MultiPowerLoss(k25M, Cosine(72000), std::vector<size_t>{71920})[0], 3.20184435, 1e-8);
}

TEST(Schedule, ShapesStartAndEndWhereTheySay) {
  for (const char* name : {"constant", "cosine", "linear", "wsd", "inverse-sqrt"}) {
    ScheduleSpec spec = {.shape = *ParseDecayShape(name),
                         .peak_learning_rate = 1e-2,
                         .final_learning_rate = 1e-3,
                         .total_steps = 1000,
                         .warmup_steps = 40};
    const auto rate = MakeSchedule(spec);
    ASSERT_TRUE(rate.ok()) << name;
    ASSERT_EQ(rate->size(), 1000u);
    EXPECT_NEAR((*rate)[0], 1e-2 / 40, 1e-12) << name;
    EXPECT_NEAR((*rate)[39], 1e-2, 1e-12) << name;
    if (spec.shape != DecayShape::kConstant && spec.shape != DecayShape::kInverseSqrt) {
      EXPECT_NEAR(rate->back(), 1e-3, 1e-12) << name;
    }
    if (spec.shape == DecayShape::kWsd) {
      EXPECT_NEAR((*rate)[899], 1e-2, 1e-12);
    }
  }
}

TEST(Schedule, RefusesWhatMakesNoSense) {
  const ScheduleSpec good = {.peak_learning_rate = 1e-2, .total_steps = 100};
  ScheduleSpec spec = good;
  spec.warmup_steps = 100;
  EXPECT_FALSE(MakeSchedule(spec).ok());
  spec = good;
  spec.total_steps = 1e18;
  EXPECT_FALSE(MakeSchedule(spec).ok());
  spec = good;
  spec.peak_learning_rate = NAN;
  EXPECT_FALSE(MakeSchedule(spec).ok());
  EXPECT_FALSE(ParseDecayShape("zigzag").ok());
}

}  // namespace
}  // namespace sextant::fitting
