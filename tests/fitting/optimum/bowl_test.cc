// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/bowl.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace sextant::fitting::optimum {
namespace {

Bowl Example() {
  Bowl bowl;
  bowl.shape = {1.3, 0.4, -5.2, -0.35, 0.78, -5.7, 0.66, -0.84, -4.3, -0.2, -0.5, -6.3};
  bowl.amplitude = 1.1;
  return bowl;
}

TEST(Bowl, HasItsMinimumAtTheOriginAndRisesFasterTowardsHighRates) {
  const Bowl bowl = Example();
  EXPECT_EQ(bowl.Value({0, 0}), 0);
  for (double angle = 0; angle < 6.28; angle += 0.3) {
    const Eigen::Vector2d direction(std::cos(angle), std::sin(angle));
    EXPECT_GT(bowl.Value(0.1 * direction), 0);
    EXPECT_GT(bowl.Value(direction), bowl.Value(0.5 * direction));
  }
  EXPECT_GT(bowl.Value({1.5, 0}), bowl.Value({-1.5, 0}));
}

TEST(Bowl, GradientAndHessianMatchDifferences) {
  const Bowl bowl = Example();
  Eigen::Matrix2d spread;
  spread << 0.04, 0.02, 0.02, 0.09;
  for (const Eigen::Vector2d& at :
       {Eigen::Vector2d(0.3, -0.2), Eigen::Vector2d(-0.7, 0.9), Eigen::Vector2d(9, 1)}) {
    Eigen::Vector2d gradient = Eigen::Vector2d::Zero();
    bowl.Expected(at, spread, &gradient);
    Eigen::Vector2d slope = Eigen::Vector2d::Zero();
    bowl.Expected(at, Eigen::Matrix2d::Zero(), &slope);
    for (int k = 0; k < 2; ++k) {
      const Eigen::Vector2d step = 1e-5 * Eigen::Vector2d::Unit(k);
      const double difference =
          (bowl.Expected(at + step, spread, nullptr) - bowl.Expected(at - step, spread, nullptr)) / 2e-5;
      EXPECT_NEAR(gradient[k], difference, 1e-6 * (1 + std::abs(difference)));
      Eigen::Vector2d beyond = Eigen::Vector2d::Zero();
      bowl.Expected(at + step, Eigen::Matrix2d::Zero(), &beyond);
      for (int j = 0; j < 2 && at[0] < 5; ++j) {
        EXPECT_NEAR(bowl.Hessian(at)(j, k), (beyond[j] - slope[j]) / 1e-5, 1e-5);
      }
    }
  }
}

TEST(Bowl, ExpectedValueIsTheMeanOverTheSpread) {
  const Bowl bowl = Example();
  Eigen::Matrix2d spread;
  spread << 0.04, 0.024, 0.024, 0.09;
  const Eigen::Vector2d at(0.2, -0.1);
  RandomStream random(3, 0);
  double sum = 0;
  constexpr int kDraws = 200000;
  for (int i = 0; i < kDraws; ++i) {
    const double a = random.Normal(), b = random.Normal();
    sum += bowl.Value(at + Eigen::Vector2d(0.2 * a, 0.12 * a + std::sqrt(0.09 - 0.0144) * b));
  }
  const double mean = sum / kDraws;
  EXPECT_NEAR(bowl.Expected(at, spread, nullptr), mean, 0.02 * mean);
  EXPECT_GT(mean, bowl.Value(at));
}

TEST(Bowl, ConditionalOptimumZeroesTheSlopeAndFollowsTheValley) {
  const Bowl bowl = Example();
  for (const double batch : {-2.0, -0.5, 0.0, 0.7, 2.0}) {
    const double rate = bowl.ConditionalOptimum(0, batch);
    Eigen::Vector2d gradient = Eigen::Vector2d::Zero();
    bowl.Expected({rate, batch}, Eigen::Matrix2d::Zero(), &gradient);
    EXPECT_NEAR(gradient[0], 0, 1e-10);
  }
  EXPECT_LT(bowl.ConditionalOptimum(0, -1), 0);
  EXPECT_GT(bowl.ConditionalOptimum(0, 1), 0);
  EXPECT_NEAR(bowl.ConditionalOptimum(0, 0), 0, 1e-12);
}

TEST(Bowl, NearOptimalEndsCostTheTolerance) {
  const Bowl bowl = Example();
  const std::array<double, 2> ends = bowl.NearConditional(0, 0, 0.0025);
  EXPECT_LT(ends[0], 0);
  EXPECT_GT(ends[1], 0);
  EXPECT_NEAR(bowl.Value({ends[0], 0}), 0.0025, 1e-9);
  EXPECT_NEAR(bowl.Value({ends[1], 0}), 0.0025, 1e-9);
  const std::array<double, 2> wider = bowl.NearConditional(0, 0, 0.01);
  EXPECT_LT(wider[0], ends[0]);
  EXPECT_GT(wider[1], ends[1]);
}

}  // namespace
}  // namespace sextant::fitting::optimum
