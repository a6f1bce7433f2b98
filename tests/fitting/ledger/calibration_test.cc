// SPDX-License-Identifier: Apache-2.0
#include "fitting/ledger/calibration.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace sextant::fitting::ledger {
namespace {

ScoredNumber Number(bool inside, double error, double width) {
  ScoredNumber number;
  number.has_interval = true;
  number.inside = inside;
  number.error = error;
  number.width = width;
  return number;
}

TEST(Calibration, BinomialTailsAreExact) {
  EXPECT_NEAR(BinomialTail(0, 2, 0.9), 0.01, 1e-15);
  EXPECT_NEAR(BinomialTail(1, 2, 0.9), 0.19, 1e-14);
  EXPECT_EQ(BinomialTail(2, 2, 0.9), 1);
  EXPECT_EQ(BinomialTail(-1, 5, 0.5), 0);
  // P(X <= 3 | 10, 0.5) = 176 / 1024.
  EXPECT_NEAR(BinomialTail(3, 10, 0.5), 176.0 / 1024, 1e-14);
  EXPECT_NEAR(BinomialTail(89'900, 100'000, 0.9), 0.1474, 2e-3) << "by the normal distribution";
}

TEST(Calibration, WilsonsIntervalIsThatOfThePaper) {
  // 9 of 10 at z = 1.645: (0.9 + z^2/20 -+ z sqrt(0.009 + z^2/400)) / (1 + z^2/10).
  const ShareInterval interval = WilsonInterval(9, 10);
  EXPECT_NEAR(interval.low, 0.652281, 1e-6);
  EXPECT_NEAR(interval.high, 0.977365, 1e-6);
  EXPECT_EQ(WilsonInterval(0, 0).low, 0);
  EXPECT_EQ(WilsonInterval(0, 0).high, 1);
  EXPECT_NEAR(WilsonInterval(0, 5).low, 0, 1e-15);
  EXPECT_NEAR(WilsonInterval(5, 5).high, 1, 1e-15);
}

TEST(Calibration, SumsUpCoverageBiasAndSharpness) {
  std::vector<ScoredNumber> numbers = {Number(true, 0.1, 0.2), Number(false, -0.3, 0.4),
                                       Number(true, 0.2, 0.9)};
  numbers[2].interval = 0.6;
  numbers[0].excess_loss = 0.01;
  ScoredNumber bare;
  bare.error = 0.4;
  numbers.push_back(bare);
  const Calibration all = Calibrate(numbers);
  EXPECT_EQ(all.scored, 4);
  EXPECT_EQ(all.intervals, 3);
  EXPECT_EQ(all.covered, 2);
  EXPECT_NEAR(all.coverage, 2.0 / 3, 1e-15);
  EXPECT_NEAR(all.nominal, 0.8, 1e-15);
  EXPECT_NEAR(all.mean_bias, 0.1, 1e-15);
  EXPECT_NEAR(all.mean_absolute_error, 0.25, 1e-15);
  EXPECT_NEAR(all.median_width, 0.4, 1e-15);
  EXPECT_NEAR(all.mean_excess_loss, 0.01, 1e-15);
  EXPECT_FALSE(all.fails);
  const Calibration none = Calibrate({});
  EXPECT_EQ(none.scored, 0);
  EXPECT_TRUE(std::isnan(none.mean_bias));
  EXPECT_TRUE(std::isnan(none.nominal));
  EXPECT_FALSE(none.fails);
}

// A source whose 90 % intervals hold 90 % of the time is called failing at most about as often as it says;
// one whose intervals hold half of the time nearly always.
TEST(Calibration, HonestIntervalsSeldomFailAndWrongOnesDo) {
  std::mt19937_64 random(7);
  int honest = 0, wrong = 0;
  for (int study = 0; study < 400; ++study) {
    std::vector<ScoredNumber> good, bad;
    for (int i = 0; i < 20; ++i) {
      good.push_back(Number(std::uniform_real_distribution<>()(random) < 0.9, 0, 1));
      bad.push_back(Number(std::uniform_real_distribution<>()(random) < 0.5, 0, 1));
    }
    honest += Calibrate(good).fails ? 1 : 0;
    wrong += Calibrate(bad).fails ? 1 : 0;
  }
  EXPECT_LE(honest, 30) << "5 % of 400 is 20";
  EXPECT_GE(wrong, 380);
}

TEST(Calibration, TwoMissesOfTwoFail) {
  EXPECT_TRUE(IntervalsFail(0, 2, 0.9));
  EXPECT_FALSE(IntervalsFail(0, 1, 0.9));
  EXPECT_FALSE(IntervalsFail(0, 0, 0.9));
  EXPECT_FALSE(IntervalsFail(18, 20, 0.9));
}

}  // namespace
}  // namespace sextant::fitting::ledger
