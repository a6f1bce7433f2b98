// SPDX-License-Identifier: Apache-2.0
#include "base/quantile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace sextant {
namespace {

/// The definition: sort, then interpolate between order statistics.
double SortedQuantile(std::vector<double> values, double p) {
  std::sort(values.begin(), values.end());
  const double position = p * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  if (below + 1 >= values.size()) return values.back();
  return values[below] + (position - static_cast<double>(below)) * (values[below + 1] - values[below]);
}

TEST(TailQuantiles, EqualTheSortedDefinitionOnManyShapes) {
  std::mt19937_64 random(7);
  std::vector<double> scratch;
  for (int trial = 0; trial < 500; ++trial) {
    std::vector<double> values(1 + random() % 1200);
    for (double& value : values) {
      const double u = static_cast<double>(random() >> 11) * 0x1p-53;
      value = trial % 4 == 0   ? u
              : trial % 4 == 1 ? 1 / (u + 1e-9)               // a few huge values
              : trial % 4 == 2 ? std::floor(3 * u)            // many ties
                               : std::log(u + 1e-300) - 1e6;  // far from zero
    }
    for (const double p : {0.005, 0.025, 0.05, 0.25, 0.49}) {
      const auto [low, high] = TailQuantiles(values, p, scratch);
      // The interpolation weights of p and 1 - p differ in rounding.
      const double range = *std::max_element(values.begin(), values.end()) - values.front();
      const double tolerance = 1e-11 * (std::abs(values.front()) + std::abs(range));
      EXPECT_NEAR(low, SortedQuantile(values, p), tolerance) << "n " << values.size() << " p " << p;
      EXPECT_NEAR(high, SortedQuantile(values, 1 - p), tolerance) << "n " << values.size() << " p " << p;
    }
  }
}

TEST(TailQuantiles, AreNanForNothingAndForNan) {
  std::vector<double> scratch;
  EXPECT_TRUE(std::isnan(TailQuantiles({}, 0.05, scratch).first));
  const std::vector<double> values{1, std::numeric_limits<double>::quiet_NaN(), 3};
  EXPECT_TRUE(std::isnan(TailQuantiles(values, 0.05, scratch).second));
}

}  // namespace
}  // namespace sextant
