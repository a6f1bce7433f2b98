// SPDX-License-Identifier: Apache-2.0
// Laws that sum over a learning-rate schedule: published predictions, and derivatives against differences.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "shipped_laws.h"

namespace sextant::fitting {
namespace {

// As the authors of the multi-power law build theirs: 2160 steps from 0 to the peak, then a cosine to a tenth
// of it.
std::vector<double> ReleasedCosine(int total) {
  std::vector<double> rate(total);
  for (int i = 0; i < total; ++i) {
    rate[i] = i < 2160 ? 3e-4 * i / 2159
                       : 3e-5 + 1.35e-4 * (1 + std::cos(std::numbers::pi * (i - 2160) / (total - 2160)));
  }
  return rate;
}

double At(const Law& law, const std::vector<double>& rates, double t) {
  return law.EvaluateOnSchedule(rates, std::vector<double>{t}, law.PublishedParameters());
}

TEST(ScheduleLawTest, MultiPowerGivesThePublishedPredictions) {
  const auto law = ShippedLaws()->Find("mpl-25m");
  ASSERT_NE(law, nullptr);
  EXPECT_NEAR(At(*law, ReleasedCosine(24000), 10000), 3.45347143, 1e-8);
  EXPECT_NEAR(At(*law, ReleasedCosine(24000), 23999), 3.31518652, 1e-8);
  EXPECT_NEAR(At(*law, ReleasedCosine(72000), 71920), 3.20184435, 1e-8);
  std::vector<double> constant = ReleasedCosine(24000);
  std::fill(constant.begin() + 2160, constant.end(), 3e-4);
  EXPECT_NEAR(At(*law, constant, 23999), 3.34584531, 1e-8);
  constant.resize(16000);
  std::fill(constant.begin() + 8000, constant.end(), 9e-5);
  EXPECT_NEAR(At(*law, constant, 15999), 3.38489368, 1e-8);
}

TEST(ScheduleLawTest, TissueGivesTheArithmeticOfItsDefinition) {
  const auto law = ShippedLaws()->Find("tissue");
  ASSERT_NE(law, nullptr);
  const std::vector<double> parameters = {2.5, .5, .5, 1, .999};
  std::vector<double> rates(1000, 1e-3);
  EXPECT_NEAR(law->EvaluateOnSchedule(rates, std::vector<double>{999}, parameters), 3.0, 1e-12);
  for (int i = 900; i < 1000; ++i) rates[i] = 1e-3 * (1 - (i - 899) / 100.0);
  EXPECT_NEAR(law->EvaluateOnSchedule(rates, std::vector<double>{999}, parameters), 2.9642506768, 1e-10);
}

TEST(ScheduleLawTest, StepsOutsideTheScheduleGiveNoAnswer) {
  const auto law = ShippedLaws()->Find("mpl-25m");
  const std::vector<double> rates(10, 1e-3);
  EXPECT_TRUE(std::isfinite(At(*law, rates, 9)));
  for (double t : {-1.0, 10.0, 1e300, std::nan("")}) EXPECT_TRUE(std::isnan(At(*law, rates, t))) << t;
  EXPECT_TRUE(std::isnan(law->Evaluate(std::vector<double>{3}, law->PublishedParameters())));
}

TEST(ScheduleLawTest, BindingRefusesSchedulesThatAreNotThere) {
  const std::vector<double> steps = {1, 2}, rates(10, 1e-3);
  const auto law = ShippedLaws()->Find("mpl-25m");
  EXPECT_EQ(BoundLaw::BindOnSchedules(law, steps, {rates}, {0, 1}), nullptr);
  EXPECT_EQ(BoundLaw::BindOnSchedules(law, steps, {rates}, {0}), nullptr);
  EXPECT_EQ(BoundLaw::BindOnSchedules(ShippedLaws()->Find("curve-m1"), steps, {rates}, {0, 0}), nullptr);
  EXPECT_EQ(BoundLaw::Bind(law, {steps}), nullptr);
}

class ScheduleDerivativeTest : public testing::TestWithParam<const char*> {};

TEST_P(ScheduleDerivativeTest, MatchDifferencesOverSeveralSchedules) {
  const auto law = ShippedLaws()->Find(GetParam());
  ASSERT_NE(law, nullptr);
  const std::vector<double> parameters = OrdinaryParameters(*law);
  std::vector<double> constant = ReleasedCosine(4000);
  std::fill(constant.begin() + 2160, constant.end(), 3e-4);
  const std::vector<double> cosine = ReleasedCosine(4000);
  const std::vector<double> steps = {3999, 2500, 3000, 3999, 100};
  auto bound = BoundLaw::BindOnSchedules(law, steps, {constant, cosine}, {0, 1, 1, 1, 0});
  ASSERT_NE(bound, nullptr);
  const std::size_t n = steps.size();
  std::vector<double> value(n), jacobian(n * parameters.size()), log_value(n), log_jacobian(jacobian.size());
  bound->ValuesAndJacobian(parameters, value, jacobian);
  bound->LogValuesAndJacobian(parameters, log_value, log_jacobian);
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    const double step = 1e-6 * std::fabs(parameters[p]);
    std::vector<double> above = parameters, below = parameters, high(n), low(n);
    above[p] += step, below[p] -= step;
    bound->Values(above, high), bound->Values(below, low);
    for (std::size_t i = 0; i < n; ++i) {
      const double difference = (high[i] - low[i]) / (2 * step);
      EXPECT_NEAR(jacobian[p * n + i], difference, 1e-5 * std::fabs(difference) + 1e-10 / step)
          << law->spec().parameters[p].name << " at point " << i;
      EXPECT_NEAR(log_jacobian[p * n + i], jacobian[p * n + i] / value[i],
                  1e-12 * std::fabs(jacobian[p * n + i]));
    }
  }
  const std::vector<std::uint32_t> rows = {3, 3, 0};
  ASSERT_TRUE(bound->SelectPoints(rows));
  std::vector<double> selected(3);
  bound->Values(parameters, selected);
  EXPECT_EQ(selected, (std::vector<double>{value[3], value[3], value[0]}));
}

INSTANTIATE_TEST_SUITE_P(EveryLaw, ScheduleDerivativeTest,
                         testing::Values("tissue", "mpl-25m", "mpl-100m", "mpl-400m"));

}  // namespace
}  // namespace sextant::fitting
