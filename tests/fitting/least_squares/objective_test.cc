// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/objective.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fitting/least_squares/polish.h"

namespace sextant::fitting {
namespace {

TEST(Objective, ReadsAndWritesEveryKind) {
  for (const char* text : {"squared", "huber:0.001", "absolute", "huber-likelihood:0.001", "level-squared",
                           "level-huber:0.5", "level-absolute", "level-huber-likelihood:2"}) {
    const auto objective = ParseObjective(text);
    ASSERT_TRUE(objective.ok()) << text;
    EXPECT_EQ(ObjectiveToString(*objective), text);
  }
  EXPECT_EQ(*ParseObjective("log-huber:1e-3"), *ParseObjective("huber:0.001"));
  EXPECT_EQ(*ParseObjective("huber"), Objective());
}

TEST(Objective, RefusesWhatItCannotMean) {
  for (const char* text : {"", "hubert", "huber:", "huber:0", "huber:-1", "huber:nan", "huber:1e300",
                           "squared:1", "log-level-squared", "HUBER:1"}) {
    EXPECT_FALSE(ParseObjective(text).ok()) << text;
  }
  EXPECT_FALSE(ParseObjective(std::string(1000, 'x')).ok());
}

// Numerical integral of exp(-huber(x)).
TEST(HuberLikelihood, DensityIntegratesToOne) {
  for (const double delta : {0.01, 0.5, 1.0, 3.0}) {
    double integral = 0;
    const double step = 1e-3;
    const double end = 40 / delta + delta;
    for (double x = -end; x < end; x += step) {
      const double size = std::abs(x);
      integral += step * std::exp(-(size <= delta ? 0.5 * size * size : delta * (size - 0.5 * delta)));
    }
    EXPECT_NEAR(integral / solve::HuberNormaliser(delta), 1, 1e-4) << delta;
  }
}

TEST(HuberLikelihood, BestScaleOfAWideDeltaIsTheRootMeanSquare) {
  const std::vector<double> residual = {0.1, -0.2, 0.3, -0.1}, weights(4, 1.0);
  EXPECT_NEAR(solve::BestHuberLikelihoodScale(residual, weights, 100), std::sqrt(0.15 / 4), 1e-7);
  // A narrow one is Laplace's: s = delta * mean |r|.
  EXPECT_NEAR(solve::BestHuberLikelihoodScale(residual, weights, 1e-4) / (1e-4 * 0.175), 1, 1e-3);
}

}  // namespace
}  // namespace sextant::fitting
