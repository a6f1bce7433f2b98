// Coefficients that authors published for released tables, re-fitted.
#include "tests/golden/published_series.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fitting/solve/fit_law.h"
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
  EXPECT_LE(chinchilla.objective / 45, 2.1525e-4 / 45 * 45);
  EXPECT_NEAR(plain[0], 1.48906, 2e-3);
  EXPECT_NEAR(plain[3], 0.278429, 1e-3);
  const auto law = TextLaw("E + (A / N^alpha + B / D^beta)^k", {"N", "D"},
                           {{"E", {0, 10}, "", {}},
                            {"A", {0, 1e300}, "log", {1e2, 1e3, 1e4}},
                            {"B", {0, 1e300}, "log", {1e2, 1e3, 1e4}},
                            {"alpha", {0, 2}, "", {0.3, 0.5}},
                            {"beta", {0, 2}, "", {0.3, 0.5}},
                            {"k", {0.05, 3}, "", {0.4, 0.7, 1}}});
  ASSERT_NE(law, nullptr);
  const std::vector<double> powered = Fit(law, data, "huber:1e-3", &skaling);
  EXPECT_NEAR(powered[0], 1.07431, 2e-2);
  EXPECT_NEAR(powered[5], 0.40062, 2e-2);
  std::printf(
      "chinchilla %.8g E %.6g A %.6g alpha %.6g B %.6g beta %.6g; skaling %.8g E %.6g A %.6g B %.6g k %.6g\n",
      chinchilla.objective, plain[0], plain[1], plain[3], plain[2], plain[4], skaling.objective, powered[0],
      powered[1], powered[2], powered[5]);
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
  EXPECT_NEAR(std::exp(size[0]), 0.11819903781, 1e-10);
  EXPECT_NEAR(size[1], 0.49702879549, 1e-11);
  const std::vector<double> length = Fit(law, tokens, "squared");
  EXPECT_NEAR(std::exp(length[0]), 1.4100509594, 1e-9);
  EXPECT_NEAR(length[1], 0.5029712045, 1e-10);
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

TEST(BrokenPowerLawGolden, FirstFourteenPointsAndTheHeldOutThree) {
  LawData data;
  data.columns.resize(1);
  data.columns[0].assign(golden::kAdditionSamples.begin(), golden::kAdditionSamples.begin() + 14);
  data.observed.assign(golden::kAdditionLoss.begin(), golden::kAdditionLoss.begin() + 14);
  const auto law = golden::ShippedLaw("curve-bnsl");
  ASSERT_NE(law, nullptr);
  for (const char* objective : {"squared", "level-squared"}) {
    FitResult fit;
    const std::vector<double> p = Fit(law, data, objective, &fit);
    std::printf("%s: a %.6g b %.6g c0 %.6g c1 %.6g d1 %.6g f1 %.6g objective %.6g starts %ld at %ld\n",
                objective, p[0], p[1], p[2], p[3], p[4], p[5], fit.objective, fit.starts,
                fit.starts_at_optimum);
    for (const double x : {800.0, 864.0, 928.0})
      std::printf(" %.6f", law->Evaluate(std::vector<double>{x}, p));
    std::printf("\n");
  }
}

}  // namespace
}  // namespace sextant::fitting
