// SPDX-License-Identifier: Apache-2.0
#include "fitting/critical_batch/steps_to_goal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"

namespace sextant::fitting {
namespace {

TEST(StepsToGoal, TheBestRunOfEachBatchMakesTheHyperbola) {
  std::vector<StepsToGoal> runs;
  for (double batch = 16; batch <= 65536; batch *= 2) {
    runs.push_back({batch, 500 * (1 + 4003 / batch), 0.1});
    runs.push_back({batch, 900 * (1 + 4003 / batch), 0.4});  // a worse rate
  }
  const StepsToGoalReport report = AnalyzeStepsToGoal(runs);
  ASSERT_TRUE(report.hyperbola.answered) << report.hyperbola.reason;
  EXPECT_NEAR(report.hyperbola.batch_size.value, 4003, 4);
  EXPECT_NEAR(report.hyperbola.min_steps.value, 500, 1);
  EXPECT_NEAR(*report.perfect_to, 4003.0 / 9, 1);
  EXPECT_NEAR(*report.maximum_from, 4003.0 * 4, 20);
  EXPECT_EQ(report.best.size(), 13U);
  EXPECT_EQ(report.best[0].learning_rate, 0.1);
  // What the ranges mean, by the steps themselves.
  const auto steps = [](double batch) { return 500 * (1 + 4003 / batch); };
  EXPECT_NEAR(steps(2 * *report.perfect_to) / steps(*report.perfect_to), 0.55, 1e-3);
  EXPECT_NEAR(steps(2 * *report.maximum_from) / steps(*report.maximum_from), 0.9, 1e-3);
}

TEST(StepsToGoal, TheSfoFormGivesTheBatchOfFewestGradients) {
  constexpr int kSeeds = 20;
  int held = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    std::vector<StepsToGoal> runs;
    RandomStream random(seed, 1);
    for (double batch = 64; batch <= 8192; batch *= 2) {
      runs.push_back({batch, 1000 * batch / (batch - 40) * std::exp(0.01 * random.Normal()), 0});
    }
    const StepsToGoalReport report = AnalyzeStepsToGoal(runs);
    ASSERT_TRUE(report.sfo.answered);
    EXPECT_NEAR(report.sfo.fewest_gradients_batch.value, 80, 3);
    EXPECT_NEAR(report.sfo.a, 1000, 20);
    held += report.sfo.fewest_gradients_batch.low <= 80 && report.sfo.fewest_gradients_batch.high >= 80;
  }
  EXPECT_GE(held, kSeeds * 7 / 10);
}

TEST(StepsToGoal, TooFewBatchesAreSaidToBe) {
  const std::vector<StepsToGoal> runs = {{64, 1000, 0}, {64, 1100, 0}, {std::nan(""), 5, 0}, {-1, 5, 0}};
  const StepsToGoalReport report = AnalyzeStepsToGoal(runs);
  EXPECT_FALSE(report.hyperbola.answered);
  EXPECT_FALSE(report.hyperbola.reason.empty());
  EXPECT_FALSE(report.sfo.answered);
  EXPECT_EQ(report.best.size(), 1U);
}

}  // namespace
}  // namespace sextant::fitting
