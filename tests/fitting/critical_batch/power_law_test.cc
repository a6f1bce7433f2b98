// SPDX-License-Identifier: Apache-2.0
#include "fitting/critical_batch/power_law.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"

namespace sextant::fitting {
namespace {

std::vector<ScaledCriticalBatch> Grid(double a, double b, double noise, uint64_t seed = 3) {
  std::vector<ScaledCriticalBatch> points;
  uint64_t stream = 0;
  for (double n : {1e7, 3e7, 1e8, 3e8}) {
    for (double d : {1e9, 4e9, 1.6e10}) {
      RandomStream random(seed, stream++);
      points.push_back({n, d, 2 * std::pow(n, a) * std::pow(d, b) * std::exp(noise * random.Normal())});
    }
  }
  return points;
}

const ScaleLaw& Best(const ScaleLaws& laws) { return laws.forms[static_cast<size_t>(laws.best)]; }

TEST(ScaleLaws, FindThatTokensMatterAndSizeDoesNot) {
  const auto laws = FitScaleLaws(Grid(0, .47, .05));
  ASSERT_TRUE(laws.ok());
  EXPECT_EQ(Best(*laws).law, "cbs-power-d");
  EXPECT_NEAR(Best(*laws).d_exponent, .47, .05);
  EXPECT_LT(Best(*laws).d_interval.low, .47);
  EXPECT_GT(Best(*laws).d_interval.high, .47);
  EXPECT_NE(laws->evidence.find("cbs-power-d"), std::string::npos);
}

TEST(ScaleLaws, FindBothWhenBothMatter) {
  const auto laws = FitScaleLaws(Grid(.3, .3, .03));
  ASSERT_TRUE(laws.ok());
  EXPECT_EQ(Best(*laws).law, "cbs-power-nd");
  EXPECT_GT(Best(*laws).akaike_weight, .9);
}

TEST(ScaleLaws, TakeTheConstantWhenNeitherDoes) {
  // An information criterion takes one power too many in about a third of draws: three forms have a chance.
  int constant = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const auto laws = FitScaleLaws(Grid(0, 0, .05, seed));
    ASSERT_TRUE(laws.ok());
    constant += Best(*laws).law == "cbs-constant" ? 1 : 0;
  }
  EXPECT_GT(constant, 20) << "of 40";
}

TEST(ScaleLaws, NameTheAxisThatDoesNotVary) {
  std::vector<ScaledCriticalBatch> points = Grid(0, .5, .01);
  for (ScaledCriticalBatch& p : points) p.params = 1e8;
  const auto laws = FitScaleLaws(points);
  ASSERT_TRUE(laws.ok());
  EXPECT_FALSE(laws->n_identifiable);
  ASSERT_FALSE(laws->warnings.empty());
  EXPECT_NE(laws->warnings[0].find("params"), std::string::npos);
  EXPECT_EQ(FitScaleLaws(std::span(points).first(2)).status().code(), absl::StatusCode::kFailedPrecondition);
  points[0].critical_batch = INFINITY;
  EXPECT_EQ(FitScaleLaws(points).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sextant::fitting
