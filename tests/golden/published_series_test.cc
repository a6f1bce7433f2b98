// SPDX-License-Identifier: Apache-2.0
// Coefficients that authors published for released tables, re-fitted.
#include "tests/golden/published_series.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fitting/least_squares/fit_law.h"
#include "tests/golden/chinchilla_data.h"
#include "tests/golden/text_law.h"

namespace sextant::fitting {
namespace {

using golden::TextLaw;

std::vector<double> Fit(const std::shared_ptr<const Law>& law, const LawData& data,
                        const std::string& objective, FitResult* whole = nullptr) {
  SolveOptions options;
  options.objective = *ParseObjective(objective);
  const absl::StatusOr<FitResult> fit = FitLaw(law, data, options);
  EXPECT_TRUE(fit.ok()) << fit.status();
  std::vector<double> estimates;
  if (!fit.ok()) return {0, 0, 0, 0, 0, 0};
  for (const ParameterEstimate& parameter : fit->parameters) estimates.push_back(parameter.estimate);
  if (whole != nullptr) *whole = *fit;
  return estimates;
}

TEST(OpenEuroLlmGolden, LearningRateAndBatchCoefficientsToSixDigits) {
  LawData rates, batches;
  rates.columns.resize(2);
  for (const auto& row : golden::kOpenEuroLlmOptima) {
    rates.columns[0].push_back(row[0]);
    rates.columns[1].push_back(1e9 * row[1]);
    rates.observed.push_back(row[2]);
    batches.observed.push_back(row[3]);
  }
  batches.columns = rates.columns;
  const std::vector<double> rate = Fit(golden::ShippedLaw("lr-power-nd"), rates, "squared");
  EXPECT_NEAR(std::exp(rate[0]), 0.3713955246, 5e-10);
  EXPECT_NEAR(rate[1], -0.4170538, 5e-8);
  EXPECT_NEAR(rate[2], 0.0862034, 5e-8);
  const std::vector<double> batch = Fit(golden::ShippedLaw("batch-power-nd"), batches, "squared");
  EXPECT_NEAR(std::exp(batch[0]), 9.901395831e-5, 5e-14);
  EXPECT_NEAR(batch[1], 0.1451157, 5e-8);
  EXPECT_NEAR(batch[2], 0.4599775, 5e-8);
}

// Point fits to the same 45 losses: sum of huber(1e-3) over log residuals.
TEST(OpenEuroLlmGolden, LossLawsReachTheKnownOptima) {
  LawData data;
  data.columns.resize(2);
  for (const auto& row : golden::kOpenEuroLlmOptima) {
    data.columns[0].push_back(row[0]);
    data.columns[1].push_back(1e9 * row[1]);
    data.observed.push_back(row[4]);
  }
  FitResult chinchilla, skaling;
  const std::vector<double> plain =
      Fit(golden::ShippedLaw("loss-chinchilla"), data, "huber:1e-3", &chinchilla);
  EXPECT_NEAR(chinchilla.objective, 2.152e-4, 5e-8);
  EXPECT_NEAR(plain[0], 1.48906, 5e-6);
  EXPECT_NEAR(plain[1], 143.754, 5e-4);
  EXPECT_NEAR(plain[2], 202.278, 2e-3);
  EXPECT_NEAR(plain[3], 0.278429, 1e-6);
  EXPECT_NEAR(plain[4], 0.270446, 1e-6);
  const auto law = TextLaw("E + (A / N^alpha + B / D^beta)^k", {"N", "D"},
                           {{"E", {0, 10}, "", {}},
                            {"A", {0, 1e300}, "log", {1e2, 1e3, 1e4}},
                            {"B", {0, 1e300}, "log", {1e2, 1e3, 1e4}},
                            {"alpha", {0, 2}, "", {0.3, 0.5}},
                            {"beta", {0, 2}, "", {0.3, 0.5}},
                            {"k", {0.05, 3}, "", {0.4, 0.7, 1}}});
  ASSERT_NE(law, nullptr);
  const std::vector<double> powered = Fit(law, data, "huber:1e-3", &skaling);
  EXPECT_NEAR(skaling.objective, 4.277e-5, 5e-9);
  EXPECT_NEAR(powered[0], 1.07431, 5e-6);
  EXPECT_NEAR(powered[1] / 27042, 1, 1e-4);
  EXPECT_NEAR(powered[2] / 6385.8, 1, 1e-4);
  EXPECT_NEAR(powered[5], 0.40062, 5e-6);
}

TEST(PorianGolden, OptimalSizeAndTokensByLogLogLeastSquaresExactly) {
  LawData sizes, tokens;
  sizes.columns.resize(1);
  for (const auto& row : golden::kPorianOptima) {
    sizes.columns[0].push_back(row[0]);
    sizes.observed.push_back(row[1]);
    tokens.observed.push_back(row[2]);
  }
  tokens.columns = sizes.columns;
  const auto law = TextLaw("exp(log_c) * C^a", {"C"}, {{"log_c", {}, "", {}}, {"a", {}, "", {}}});
  ASSERT_NE(law, nullptr);
  const std::vector<double> size = Fit(law, sizes, "squared");
  // Released coefficients come from unrounded optima; the printed ones carry seven digits.
  EXPECT_NEAR(std::exp(size[0]) / 0.11819903781, 1, 1e-6);
  EXPECT_NEAR(size[1], 0.49702879549, 2e-8);
  // numpy.polyfit of degree 1 on the logarithms of the printed optima. Compute spans decades far from C = 1,
  // so that the order of a sum, which compiler flags change, moves the last digits.
  EXPECT_NEAR(std::exp(size[0]) / 0.11819894072142689, 1, 1e-10);
  EXPECT_NEAR(size[1], 0.49702881438955354, 1e-12);
  const std::vector<double> length = Fit(law, tokens, "squared");
  EXPECT_NEAR(std::exp(length[0]) / 1.4100509594, 1, 1e-6);
  EXPECT_NEAR(length[1], 0.5029712045, 2e-8);
  EXPECT_NEAR(std::exp(length[0]) / 1.41005093220207, 1, 1e-10);
  EXPECT_NEAR(length[1], 0.5029712054979099, 1e-12);
}

TEST(IndependentSweepGolden, LearningRateAndBatchByLogLogLeastSquares) {
  LawData rates, batches;
  rates.columns.resize(2);
  for (const auto& row : golden::kIndependentSweep) {
    rates.columns[0].push_back(row[0]);
    rates.columns[1].push_back(row[1]);
    batches.observed.push_back(row[2]);
    rates.observed.push_back(row[3]);
  }
  batches.columns = rates.columns;
  const std::vector<double> rate = Fit(golden::ShippedLaw("lr-power-nd"), rates, "squared");
  EXPECT_NEAR(std::exp(rate[0]), 0.0628164, 5e-7);
  EXPECT_NEAR(rate[1], -0.4769730, 5e-7);
  EXPECT_NEAR(rate[2], 0.2615694, 5e-7);
  const std::vector<double> batch = Fit(golden::ShippedLaw("batch-power-nd"), batches, "squared");
  EXPECT_NEAR(std::exp(batch[0]), 0.3649717, 5e-6);
  EXPECT_NEAR(batch[1], 0.0504876, 5e-7);
  EXPECT_NEAR(batch[2], 0.5742255, 5e-7);
}

LawData FineTuning(std::size_t points) {
  LawData data;
  data.columns.resize(1);
  for (std::size_t k = 0; k < points; ++k) {
    data.columns[0].push_back(200.0 * std::pow(2.0, static_cast<double>(k)));
    data.observed.push_back(golden::kFineTuningLoss[k]);
  }
  return data;
}

std::shared_ptr<const Law> RectifiedLaw() {
  return TextLaw("B / (D_l + D^beta) + E", {"D"},
                 {{"B", {0, 1e300}, "log", {}},
                  {"D_l", {0, 1e300}, "log", {1, 10, 100, 1000, 10000}},
                  {"beta", {0, 3}, "", {0.1, 0.3, 0.5, 0.8, 1.2}},
                  {"E", {0, 10}, "", {}}});
}

TEST(FineTuningGolden, RectifiedLawOnAllPoints) {
  FitResult fit;
  const std::vector<double> p = Fit(RectifiedLaw(), FineTuning(14), "squared", &fit);
  EXPECT_NEAR(p[0], 563.823, 5e-3);
  EXPECT_NEAR(p[1], 166.056, 5e-3);
  EXPECT_NEAR(p[2], 0.45528, 5e-6);
  EXPECT_NEAR(p[3], 1.06924, 5e-6);
  EXPECT_NEAR(std::sqrt(2 * fit.objective / 14), 0.0027010, 5e-8);
  EXPECT_NEAR(RectifiedLaw()->Evaluate(std::vector<double>{1e6}, p), 1.868795, 5e-7);
}

TEST(FineTuningGolden, RectifiedLawForecastsFromTenPoints) {
  const std::vector<double> p = Fit(RectifiedLaw(), FineTuning(10), "squared");
  const double expected[] = {2.39601, 2.16053, 1.95328, 1.77815};
  for (int k = 10; k < 14; ++k) {
    EXPECT_NEAR(RectifiedLaw()->Evaluate(std::vector<double>{200 * std::pow(2, k)}, p), expected[k - 10],
                5e-5);
  }
}

TEST(FineTuningGolden, PlainPowerLawDegeneratesToItsBoundAndSaysSo) {
  const auto law = TextLaw("B / D^beta + E", {"D"},
                           {{"B", {0, 1e300}, "log", {}}, {"beta", {0, 3}, "", {}}, {"E", {0, 10}, "", {}}});
  FitResult fit;
  const std::vector<double> p = Fit(law, FineTuning(14), "squared", &fit);
  EXPECT_EQ(p[2], 0.0);
  EXPECT_TRUE(fit.parameters[2].at_bound);
  EXPECT_NEAR(p[1], 0.1016, 5e-5);
  EXPECT_NEAR(std::sqrt(2 * fit.objective / 14), 0.0670, 5e-5);
  ASSERT_FALSE(fit.warnings.empty());
}

// The authors' loss is the squared error of ln(y + 1): the law and the data are lifted by 1.
TEST(BrokenPowerLawGolden, FirstFourteenPointsAndTheHeldOutThree) {
  LawData data;
  data.columns.resize(1);
  for (std::size_t i = 0; i < 14; ++i) {
    data.columns[0].push_back(golden::kAdditionSamples[i]);
    data.observed.push_back(golden::kAdditionLoss[i] + 1);
  }
  const auto law = TextLaw("1 + a + b * x^(-c0) * (1 + (x / d1)^(1 / f1))^(-c1 * f1)", {"x"},
                           {{"a", {0, 10}, "", {}},
                            {"b", {0, 1e300}, "log", {}},
                            {"c0", {-5, 5}, "", {0.05, 0.2, 0.5}},
                            {"c1", {-20, 20}, "", {0.5, 2, -0.5}},
                            {"d1", {0, 1e300}, "log", {10, 300, 1e4, 1e6}},
                            {"f1", {1e-3, 10}, "", {0.05, 0.3, 1}}});
  ASSERT_NE(law, nullptr);
  FitResult fit;
  const std::vector<double> p = Fit(law, data, "squared", &fit);
  EXPECT_NEAR(p[0], 0.41388, 5e-4);
  EXPECT_NEAR(p[1], 2.27727, 5e-4);
  EXPECT_NEAR(p[2], 0.055077, 5e-6);
  EXPECT_NEAR(p[3], 5.6629, 5e-3);
  EXPECT_NEAR(p[4], 612.58, 5e-2);
  EXPECT_NEAR(p[5], 0.059193, 5e-6);
  const double expected[] = {0.760188, 0.637498, 0.562598};
  double fitted = 0, held_out = 0;  // squared errors of ln y
  for (std::size_t i = 0; i < 17; ++i) {
    const double predicted = law->Evaluate(std::vector<double>{golden::kAdditionSamples[i]}, p) - 1;
    (i < 14 ? fitted : held_out) += std::pow(std::log(predicted / golden::kAdditionLoss[i]), 2);
    if (i >= 14) {
      EXPECT_NEAR(predicted, expected[i - 14], 5e-7);
    }
  }
  EXPECT_NEAR(std::sqrt(fitted / 14), 5.98e-4, 5e-7);
  EXPECT_NEAR(std::sqrt(held_out / 3), 0.0109, 5e-5);
}

}  // namespace
}  // namespace sextant::fitting
