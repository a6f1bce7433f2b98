// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/excess_loss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/fitting/optimum/sweep_files.h"
#include "tests/fitting/optimum/sweeps.h"

namespace sextant::fitting::optimum {
namespace {

// Excess loss in percent of Step Law's rounded published laws on its dense table, cells ordered by N, then D,
// by an independent implementation on SciPy's RBFInterpolator; and the ln-space optimum of the first and last
// cell.
constexpr double kReference[] = {0.1001, 0.0594, 0.2042, 0.0963, 0.0846, 0.0903, 0.1846, 0.0310,
                                 0.0884, 0.0728, 0.0090, 0.0213, 0.0652, 0.0451, 0.0108};

TEST(CellScorer, AgreesWithAnIndependentImplementationOnStepLawDense) {
  const std::optional<RunTable> runs = testing::ReadStepLawDense();
  if (!runs) {
    GTEST_SKIP() << "the Step Law dense table is not on this machine";
  }
  const absl::StatusOr<CellTable> table = GroupIntoCells(*runs, {true, true}, 0.003);
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_EQ(table->cells.size(), 15u);
  for (std::size_t c = 0; c < 15; ++c) {
    const Cell& cell = table->cells[c];
    const std::optional<CellScorer> scorer = CellScorer::Make(cell);
    ASSERT_TRUE(scorer);
    const double rate = std::log(1.79) - 0.713 * cell.log_params + 0.307 * cell.log_tokens;
    const double batch = std::log(0.58) + 0.571 * cell.log_tokens;
    EXPECT_NEAR(scorer->ExcessPercent({rate, batch}), kReference[c], 1.01e-4) << c;
    if (c == 0) {
      EXPECT_NEAR(std::exp(scorer->optimum()[0]), 2.3229e-3, 1e-7);
      EXPECT_NEAR(std::exp(scorer->optimum()[1]), 1.7750e5, 10);
    }
  }
}

TEST(CellScorer, FindsTheBottomOfANoiselessBowl) {
  testing::BowlSweep sweep;
  sweep.params = {1e8};
  sweep.tokens = {1e9};
  const absl::StatusOr<CellTable> table = GroupIntoCells(sweep.Make(), {true, true}, 0.003);
  ASSERT_TRUE(table.ok());
  const std::optional<CellScorer> scorer = CellScorer::Make(table->cells[0]);
  ASSERT_TRUE(scorer);
  const double rate = std::log(sweep.rate_c * std::pow(1e8, sweep.rate_a) * std::pow(1e9, sweep.rate_b));
  EXPECT_NEAR(scorer->optimum()[0], rate, 0.05);
  EXPECT_NEAR(scorer->ExcessPercent(scorer->optimum()), 0, 1e-9);
  EXPECT_NEAR(scorer->ExcessPercent(scorer->optimum() + Eigen::Vector2d(0.7, 0)),
              100 * std::expm1(0.02 * 0.49), 0.05);
}

TEST(CellScorer, RefusesCellsWithTooFewRunsOrOnALine) {
  RunTable runs;
  for (int i = 0; i < 5; ++i) {
    testing::AddRun(runs, 1e8, 1e9, 1e-3 * (1 + i), 1e5 * (1 + i * i), 3 + 0.01 * i);
  }
  absl::StatusOr<CellTable> table = GroupIntoCells(runs, {true, true}, 0.003);
  EXPECT_FALSE(CellScorer::Make(table->cells[0]));
  for (int i = 0; i < 9; ++i) {
    testing::AddRun(runs, 1e9, 1e9, 1e-3 * std::pow(2, i), 1e5, 3 + 0.001 * i);
  }
  table = GroupIntoCells(runs, {true, true}, 0.003);
  EXPECT_FALSE(CellScorer::Make(table->cells[1]));
}

TEST(AxisScorer, FindsTheVertexOfOneAxis) {
  RunTable runs;
  for (int i = -4; i <= 4; ++i) {
    const double rate = 1e-3 * std::pow(2, i);
    testing::AddRun(runs, 1e8, 1e9, rate, 1e5, 3 * std::exp(0.005 * std::pow(std::log(rate / 1.3e-3), 2)));
  }
  const absl::StatusOr<CellTable> table = GroupIntoCells(runs, {true, true}, 0.003);
  const std::optional<AxisScorer> scorer = AxisScorer::Make(table->cells[0], OptimumTarget::kLearningRate);
  ASSERT_TRUE(scorer);
  EXPECT_NEAR(std::exp(scorer->optimum()), 1.3e-3, 1e-8);
  EXPECT_NEAR(scorer->ExcessPercent(std::log(2.6e-3)), 100 * std::expm1(0.005 * 0.480453), 1e-6);
  EXPECT_FALSE(AxisScorer::Make(table->cells[0], OptimumTarget::kBatchSizeTokens));
}

}  // namespace
}  // namespace sextant::fitting::optimum
