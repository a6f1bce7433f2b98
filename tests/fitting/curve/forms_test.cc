// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/forms.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

namespace sextant::fitting {
namespace {

TEST(CurveForms, GiveThePublishedValues) {
  EXPECT_NEAR(CurveM1(1000, 2, -.3), 0.2517850824, 1e-10);
  EXPECT_NEAR(CurveM2(1000, 2, -.3, .5), 0.7517850824, 1e-10);
  EXPECT_NEAR(CurveM4(1, 2, -.3, .5, .5, 3), 2.2416573868, 1e-10);
  EXPECT_NEAR(CurveM4(1000, 2, -.3, .5, .5, 3), 0.8676692277, 1e-10);
}

TEST(CurveForms, GiveThePublishedBrokenPowerLaw) {
  const std::vector<CurveBreak> one = {{.4, 500, .5}};
  EXPECT_NEAR(CurveBnsl(1000, .1, 2, .1, one), 0.8265006293, 1e-10);
  const std::vector<CurveBreak> three = {{.49, 3e6, 1.1}, {-.811, 1e14, 1.425}, {2.1, 2e20, .05}};
  EXPECT_NEAR(CurveBnsl(1e3, 1e-3, 4.66e3, .05, three), 3297.8017664, 1e-6);
  EXPECT_NEAR(CurveBnsl(1e8, 1e-3, 4.66e3, .05, three), 325.6434998, 1e-7);
  EXPECT_NEAR(CurveBnsl(1e15, 1e-3, 4.66e3, .05, three), 0.4417052638, 1e-10);
}

TEST(CurveForms, M4SolvesItsEquationEverywhere) {
  for (double alpha : {0.0, 0.01, 0.5, 1.0, 4.0}) {
    for (double x : {1e-6, 1e-2, 1.0, 1e3, 1e9}) {
      const double eps = CurveM4(x, 2, -.3, alpha, .5, 3);
      ASSERT_GE(eps, .5);
      ASSERT_LE(eps, 3);
      if (eps - .5 < 1e-4 || 3 - eps < 1e-4) continue;  // cancellation in the check, not in the solution
      EXPECT_NEAR(std::log(eps - .5) - alpha * std::log(3 - eps), std::log(2 * std::pow(x, -.3)), 1e-9)
          << alpha << " " << x;
    }
  }
}

TEST(CurveForms, M4GradientAgreesWithDifferences) {
  const std::array<double, 5> p = {2, -.3, .5, .5, 3};
  for (double x : {1.0, 40.0, 1e5}) {
    std::array<double, 5> gradient{};
    CurveM4(x, p[0], p[1], p[2], p[3], p[4], gradient.data());
    for (int k = 0; k < 5; ++k) {
      auto at = [&](double h) {
        auto q = p;
        q[k] += h;
        return CurveM4(x, q[0], q[1], q[2], q[3], q[4]);
      };
      EXPECT_NEAR(gradient[k], (at(1e-6) - at(-1e-6)) / 2e-6, 1e-7 * (1 + std::fabs(gradient[k])))
          << x << " " << k;
    }
  }
}

TEST(CurveForms, RefuseWhatHasNoValue) {
  EXPECT_TRUE(std::isnan(CurveM4(-1, 2, -.3, .5, .5, 3)));
  EXPECT_TRUE(std::isnan(CurveM4(1, 2, -.3, .5, 3, .5)));
  EXPECT_TRUE(std::isnan(CurveBnsl(1, 0, 1, .1, std::vector<CurveBreak>{{.4, -1, .5}})));
}

}  // namespace
}  // namespace sextant::fitting
