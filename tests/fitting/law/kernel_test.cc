// SPDX-License-Identifier: Apache-2.0
// The column kernels: accuracy of exp and log, and the same answers at every CPU level.
#include "fitting/law/tape/kernel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "fitting/law/compiled_law.h"
#include "shipped_laws.h"

namespace sextant::fitting {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class KernelTest : public testing::TestWithParam<tape::CpuLevel> {
 protected:
  const tape::Kernels& kernels() const { return tape::KernelsOf(GetParam()); }
};

// Distance in units of the last place of the reference.
double Ulps(double got, long double reference) {
  const auto rounded = static_cast<double>(reference);
  const double unit = std::nextafter(std::fabs(rounded), kInfinity) - std::fabs(rounded);
  return static_cast<double>(std::fabs(static_cast<long double>(got) - reference) / unit);
}

TEST_P(KernelTest, ExpIsWithinTwoUnitsInTheLastPlace) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> wide(-707.7, 709.7), near(-1, 1);
  std::vector<double> x, y;
  for (int i = 0; i < 200000; ++i) x.push_back(i % 2 == 0 ? wide(random) : near(random));
  y.resize(x.size());
  kernels().exp(x.data(), y.data(), x.size());
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) worst = std::max(worst, Ulps(y[i], std::exp((long double)x[i])));
  EXPECT_LE(worst, 2);
  RecordProperty("worst_ulps", std::to_string(worst));
}

TEST_P(KernelTest, LogIsWithinTwoUnitsInTheLastPlace) {
  std::mt19937_64 random(2);
  std::uniform_real_distribution<double> exponent(-1021, 1023), near(0.5, 2);
  std::vector<double> x, y;
  for (int i = 0; i < 200000; ++i) x.push_back(i % 2 == 0 ? std::exp2(exponent(random)) : near(random));
  y.resize(x.size());
  kernels().log(x.data(), y.data(), x.size());
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) worst = std::max(worst, Ulps(y[i], std::log((long double)x[i])));
  EXPECT_LE(worst, 2);
  RecordProperty("worst_ulps", std::to_string(worst));
}

TEST_P(KernelTest, ExpAndLogKnowTheirLimits) {
  const double nan = std::nan("");
  const std::vector<double> x = {0.0, -0.0, kInfinity, -kInfinity, nan, 710, -750, 5e-324, 709.782712893384};
  std::vector<double> y(x.size());
  kernels().exp(x.data(), y.data(), x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double reference = std::exp(x[i]);
    if (std::isnan(reference)) {
      EXPECT_TRUE(std::isnan(y[i]));
    } else if (std::isinf(reference)) {
      EXPECT_EQ(y[i], reference) << x[i];
    } else {
      EXPECT_NEAR(y[i], reference, 1e-15 * reference) << x[i];
    }
  }
  kernels().log(x.data(), y.data(), x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double reference = x[i] == 5e-324 ? -kInfinity : std::log(x[i]);  // subnormals count as 0
    if (std::isnan(reference)) {
      EXPECT_TRUE(std::isnan(y[i])) << x[i];
    } else {
      EXPECT_DOUBLE_EQ(y[i], reference) << x[i];
    }
  }
}

TEST_P(KernelTest, AllFiniteSeesEveryPosition) {
  for (std::size_t count : {1u, 7u, 8u, 9u, 50u}) {
    std::vector<double> values(count, 1e308);
    EXPECT_TRUE(kernels().all_finite(values.data(), count));
    for (std::size_t i = 0; i < count; ++i) {
      for (double bad : {kInfinity, -kInfinity, std::nan("")}) {
        values[i] = bad;
        EXPECT_FALSE(kernels().all_finite(values.data(), count)) << i << " of " << count;
        values[i] = 1;
      }
    }
  }
}

// Every law, at point counts around the lane and block sizes: values match the scalar evaluation, and nothing
// is written past the last point.
TEST_P(KernelTest, EveryLawMatchesItsScalarEvaluationAtEveryLength) {
  for (const auto& [id, law] : ShippedLaws()->laws()) {
    if (law->needs_schedule()) continue;
    const std::vector<double> parameters = OrdinaryParameters(*law);
    for (std::size_t n : {1u, 3u, 8u, 50u, 127u, 255u, 256u, 257u, 700u}) {
      const auto columns = OrdinaryColumns(*law, n);
      auto bound = BindTo(law, Spans(columns), kernels());
      constexpr double kGuard = 12345;
      std::vector<double> value(n + 8, kGuard), jacobian(n * parameters.size() + 8, kGuard);
      bound->ValuesAndJacobian(parameters, {value.data(), n}, {jacobian.data(), n * parameters.size()});
      for (std::size_t i = 0; i < n; ++i) {
        std::vector<double> point;
        for (const auto& column : columns) point.push_back(column[i]);
        const double reference = law->Evaluate(point, parameters);
        if (std::isnan(reference)) {
          EXPECT_TRUE(std::isnan(value[i])) << id << " " << i << " of " << n;
          continue;
        }
        EXPECT_NEAR(value[i], reference, 2e-13 * std::fabs(reference)) << id << " " << i << " of " << n;
      }
      for (std::size_t i = 0; i < 8; ++i) {
        ASSERT_EQ(value[n + i], kGuard) << id;
        ASSERT_EQ(jacobian[n * parameters.size() + i], kGuard) << id;
      }
    }
  }
}

TEST_P(KernelTest, SelectedPointsGiveTheSameRowsAsAllOfThem) {
  const auto law = ShippedLaws()->Find("loss-chinchilla");
  const std::vector<double> parameters = OrdinaryParameters(*law);
  const auto columns = OrdinaryColumns(*law, 100);
  auto all = BindTo(law, Spans(columns), kernels()), some = BindTo(law, Spans(columns), kernels());
  const std::vector<std::uint32_t> rows = {99, 0, 0, 42, 7, 63, 7, 98, 1};
  ASSERT_TRUE(some->SelectPoints(rows));
  ASSERT_EQ(some->points(), rows.size());
  const std::size_t p = parameters.size(), pairs = all->SecondDerivativePairs()->size();
  std::vector<double> v(100), j(100 * p), s(100 * pairs), sv(rows.size()), sj(rows.size() * p),
      ss(rows.size() * pairs);
  all->LogValuesAndSecondDerivatives(parameters, v, j, s);
  some->LogValuesAndSecondDerivatives(parameters, sv, sj, ss);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    EXPECT_EQ(sv[r], v[rows[r]]);
    for (std::size_t k = 0; k < p; ++k) EXPECT_EQ(sj[k * rows.size() + r], j[k * 100 + rows[r]]);
    for (std::size_t k = 0; k < pairs; ++k) EXPECT_EQ(ss[k * rows.size() + r], s[k * 100 + rows[r]]);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryLevel, KernelTest, testing::ValuesIn(tape::SupportedCpuLevels()),
                         [](const auto& level) {
                           std::string name = tape::CpuLevelName(level.param);
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace sextant::fitting
