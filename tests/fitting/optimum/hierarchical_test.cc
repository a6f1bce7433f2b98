// SPDX-License-Identifier: Apache-2.0
// Hierarchical laws: what cells say, what the population says, and how the two meet.
#include "fitting/optimum/hierarchical.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "fitting/optimum/predict.h"
#include "tests/fitting/optimum/sweeps.h"

namespace sextant::fitting::optimum {
namespace {

constexpr Axes kBoth;

/// Cells on log-linear laws, each optimum known to `deviation`.
std::vector<CellEvidence> Cells(double rate_n, double rate_d, double deviation, double bend = 0) {
  std::vector<CellEvidence> cells;
  for (const double params : {1e7, 3e7, 1e8, 3e8}) {
    for (const double tokens : {1e9, 4e9, 1.6e10}) {
      const double n = std::log(params / 1e8), d = std::log(tokens / 4e9);
      CellEvidence cell{std::log(params), std::log(tokens)};
      cell.information = Eigen::Matrix2d::Identity() / (deviation * deviation);
      cell.weighted = cell.information *
                      Eigen::Vector2d(-6 + rate_n * n + rate_d * d + bend * d * d, 12 + 0.1 * n + 0.5 * d);
      cells.push_back(cell);
    }
  }
  return cells;
}

double RateExponent(const HierarchicalLaws& laws, double n, double d) {
  return laws.Mean(std::log(1e8) + n, std::log(4e9) + d)[0] - laws.Mean(std::log(1e8), std::log(4e9))[0];
}

TEST(HierarchicalLaws, BelieveCellsWhoseExponentsNoPublishedStudyHas) {
  const HierarchicalLaws laws(Cells(-1.0, -0.4, 0.03), {}, kBoth, 0.003);
  EXPECT_NEAR(RateExponent(laws, 1, 0), -1.0, 0.04);
  EXPECT_NEAR(RateExponent(laws, 0, 1), -0.4, 0.04);
}

TEST(HierarchicalLaws, FollowThePopulationWhereCellsSayNothing) {
  const HierarchicalLaws laws(Cells(-1.0, -0.4, 30), {}, kBoth, 0.003);
  EXPECT_NEAR(RateExponent(laws, 1, 1), -0.35, 0.02);
  const HierarchicalLaws fixed_batch(Cells(-1.0, -0.4, 30), {}, {true, false}, 0.003);
  EXPECT_NEAR(RateExponent(fixed_batch, 1, 1), -0.6, 0.03);
}

TEST(HierarchicalLaws, AreSurerInsideThanBeyondAndSurerStillWithoutBends) {
  const HierarchicalLaws straight(Cells(-0.5, 0.2, 0.02), {}, kBoth, 0.003);
  const HierarchicalLaws bent(Cells(-0.5, 0.2, 0.02, 0.1), {}, kBoth, 0.003);
  const double n = std::log(3e9), d = std::log(1.6e11);
  EXPECT_GT(straight.Covariance(n, d)(0, 0), 4 * straight.Covariance(std::log(1e8), std::log(4e9))(0, 0));
  EXPECT_GT(bent.Covariance(n, d)(0, 0), straight.Covariance(n, d)(0, 0));
  // A bend that the cells show is followed.
  EXPECT_NEAR(bent.Mean(std::log(1e8), std::log(4e9))[0], -6, 0.04);
}

TEST(HierarchicalLaws, OneCellFarOutDoesNotMoveTheLaw) {
  std::vector<CellEvidence> cells = Cells(-0.5, 0.2, 0.03);
  const HierarchicalLaws clean(cells, {}, kBoth, 0.003);
  cells[11].weighted += cells[11].information * Eigen::Vector2d(2, 2);
  const HierarchicalLaws outlier(cells, {}, kBoth, 0.003);
  EXPECT_NEAR(RateExponent(outlier, 1, 1), RateExponent(clean, 1, 1), 0.15);
}

TEST(HierarchicalLaws, DrawsHaveTheMeanAndTheCovarianceThatTheyReport) {
  const HierarchicalLaws laws(Cells(-0.5, 0.2, 0.1), {}, kBoth, 0.003);
  const double n = std::log(1e9), d = std::log(4e10);
  RandomStream random(1, 0);
  Eigen::Vector2d sum = Eigen::Vector2d::Zero(), squares = Eigen::Vector2d::Zero();
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    const HierarchicalDraw draw = laws.Draw(random);
    Eigen::Vector2d at;
    for (int axis = 0; axis < 2; ++axis) {
      const auto a = static_cast<std::size_t>(axis);
      const LogVariables variables = LawLogVariables(LawVariables::kParamsTokens, n, d);
      at[axis] = EvaluateLogLaw(LawVariables::kParamsTokens, draw.law[a].data(), n, d) +
                 draw.bend[a].Value(variables) + draw.offset[axis];
    }
    sum += at / kDraws;
    squares += at.cwiseAbs2() / kDraws;
  }
  const Eigen::Vector2d mean = laws.Mean(n, d);
  const Eigen::Matrix2d covariance = laws.Covariance(n, d);
  for (int axis = 0; axis < 2; ++axis) {
    EXPECT_NEAR(sum[axis], mean[axis], 0.03 * std::sqrt(covariance(axis, axis)) + 1e-6);
    EXPECT_NEAR(squares[axis] - sum[axis] * sum[axis], covariance(axis, axis), 0.15 * covariance(axis, axis));
  }
}

TEST(Average, StandsOnSteepNoisyAndSparseSweepsThatLeaveOneToThreeRunsInAWindow) {
  // A factor of two in the rate costs 15 % of loss.
  testing::BowlSweep steep;
  steep.rate_curvature = 0.3, steep.batch_curvature = 0.1, steep.noise = 0.002, steep.reach = 2;
  OptimumOptions options;
  options.replicates = 0;
  const absl::StatusOr<OptimumFit> fit = FitOptimum(steep.Make(), options);
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_EQ(fit->estimator, "average");
  const double truth = steep.rate_c * std::pow(3e8, steep.rate_a) * std::pow(3.2e10, steep.rate_b);
  EXPECT_NEAR(std::log(PredictOptimum(*fit, 3e8, 3.2e10).value / truth), 0, 0.15);
}

TEST(Average, IntervalsWidenWithTheDistanceFromTheData) {
  testing::AsymmetricSweep sweep;
  sweep.noise = 0.001;
  OptimumOptions options;
  options.replicates = 200;
  const absl::StatusOr<OptimumFit> fit = FitOptimum(sweep.Make(), options);
  ASSERT_TRUE(fit.ok()) << fit.status();
  const auto width = [&fit](double params, double tokens) {
    const OptimumPrediction p = PredictOptimum(*fit, params, tokens);
    return std::log(p.high / p.low);
  };
  EXPECT_GT(width(2e9, 1.6e11), 1.5 * width(1e8, 4e9));
}

}  // namespace
}  // namespace sextant::fitting::optimum
