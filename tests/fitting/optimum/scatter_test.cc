// SPDX-License-Identifier: Apache-2.0
// Scatter about laws told from noise, and what it makes of intervals.
#include "fitting/optimum/scatter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "fitting/optimum/predict.h"
#include "tests/fitting/optimum/truth_sweeps.h"

namespace sextant::fitting {
namespace {

using testing::TrueCell;
using testing::TruthFamily;
using testing::TruthSweep;

constexpr double kWindow = 0.03, kWide = 0.06, kTolerance = 0.003;

struct Measured {
  std::vector<optimum::SurfaceCell> cells;
  std::vector<optimum::MeasuredOptimum> optima;
  optimum::ScatterPosterior posterior;
};

Measured Measure(const RunTable& runs) {
  const auto table = optimum::GroupIntoCells(runs, {true, true}, kTolerance);
  const optimum::Axes axes;
  auto near = optimum::SurfaceCells(table->cells, axes, kWindow);
  const auto joint =
      optimum::FitJointSurface(near, axes, optimum::StartSurface(near), optimum::Effort::kFull);
  const auto wide = optimum::SurfaceCells(table->cells, axes, kWide);
  auto optima = optimum::MeasureOptima(near, wide, joint->surface, axes);
  optimum::ScatterPosterior posterior(near, optima, optimum::RegretLaws(), axes, kTolerance);
  return {std::move(near), std::move(optima), std::move(posterior)};
}

/// Root mean square of the total scatter over draws, of rate and batch.
Eigen::Vector2d TypicalScatter(const optimum::ScatterPosterior& posterior) {
  RandomStream random(1, 1);
  Eigen::Vector2d sum = Eigen::Vector2d::Zero();
  constexpr int kDraws = 400;
  for (int i = 0; i < kDraws; ++i) sum += posterior.Draw(random).Total().cwiseAbs2() / kDraws;
  return sum.cwiseSqrt();
}

TEST(MeasuredOptima, FollowCellsThatLeaveTheLaws) {
  const TruthFamily family{"", 4, 3, 0.0005, 2, 3, 0, false, 0.15, 0.1};
  const TruthSweep sweep = TruthSweep::Make(family, 3);
  const Measured measured = Measure(sweep.runs);
  ASSERT_EQ(measured.cells.size(), sweep.kept.size());
  for (std::size_t c = 0; c < sweep.kept.size(); ++c) {
    EXPECT_NEAR(measured.optima[c].at[0], std::log(sweep.kept[c].rate), 0.15);
    EXPECT_NEAR(measured.optima[c].at[1], std::log(sweep.kept[c].batch), 0.2);
    EXPECT_GT(measured.optima[c].covariance(0, 0), 0);
    EXPECT_LT(measured.optima[c].covariance(0, 0), 0.01);
  }
}

TEST(ScatterPosterior, TellsPureLawsFromScatteredCells) {
  const TruthFamily pure{"", 4, 3, 0.0005, 2, 3, 0, false, 0, 0};
  const TruthFamily scattered{"", 4, 3, 0.0005, 2, 3, 0, false, 0.15, 0.1};
  for (const std::uint64_t seed : {1, 2, 3}) {
    const Eigen::Vector2d none = TypicalScatter(Measure(TruthSweep::Make(pure, seed).runs).posterior);
    const Eigen::Vector2d some = TypicalScatter(Measure(TruthSweep::Make(scattered, seed).runs).posterior);
    for (int axis = 0; axis < 2; ++axis) {
      EXPECT_LT(none[axis], 0.06) << seed;
      EXPECT_GT(some[axis], 0.07) << seed;
      EXPECT_LT(some[axis], 0.45) << seed;
    }
  }
}

TEST(ScatterPosterior, LeavesOutAnAxisThatWasNotSwept) {
  testing::AsymmetricSweep sweep;
  sweep.sweep_batch = false;
  OptimumOptions options;
  options.estimator = "auto";
  options.replicates = 20;
  const absl::StatusOr<OptimumFit> fit = FitOptimum(sweep.Make(), options);
  ASSERT_TRUE(fit.ok()) << fit.status();
  for (const double value : fit->replicates) EXPECT_TRUE(std::isfinite(value));
}

struct Held {
  double share = 0;  ///< of left-out optima, rate and batch, that 90 % intervals hold
  double score = 0;  ///< mean interval score: width in natural logarithms, and 20 times what a miss misses by
};

Held Coverage(const TruthFamily& family, const std::string& estimator) {
  constexpr int kSweeps = 6;
  Held held;
  int asked = 0;
  for (int seed = 1; seed <= kSweeps; ++seed) {
    const TruthSweep sweep = TruthSweep::Make(family, static_cast<std::uint64_t>(seed));
    for (const OptimumTarget target : {OptimumTarget::kLearningRate, OptimumTarget::kBatchSizeTokens}) {
      OptimumOptions options;
      options.estimator = estimator;
      options.target = target;
      options.replicates = 100;
      const absl::StatusOr<OptimumFit> fit = FitOptimum(sweep.runs, options);
      EXPECT_TRUE(fit.ok()) << fit.status();
      if (!fit.ok()) continue;
      for (const std::vector<TrueCell>* cells : {&sweep.inside, &sweep.beyond}) {
        for (const TrueCell& cell : *cells) {
          const OptimumPrediction p = PredictOptimum(*fit, cell.params, cell.tokens);
          const double truth = target == OptimumTarget::kLearningRate ? cell.rate : cell.batch;
          EXPECT_LE(p.low, p.value);
          EXPECT_GE(p.high, p.value);
          held.share += p.low <= truth && truth <= p.high;
          held.score += std::log(p.high / p.low) +
                        20 * std::max({0.0, std::log(p.low / truth), std::log(truth / p.high)});
          ++asked;
        }
      }
    }
  }
  held.share /= asked, held.score /= asked;
  return held;
}

TEST(Intervals, HoldWhatTheyPromiseWhetherCellsKeepToTheLawsOrNot) {
  for (const TruthFamily& family :
       {TruthFamily{"", 4, 3, 0.002, 2, 3, 0, false, 0, 0}, {"", 4, 3, 0.001, 2, 3, 0.2, true, 0.1, 0.06}}) {
    const Held held = Coverage(family, "auto");
    EXPECT_GE(held.share, 0.9);
    // These laws are power laws, and intervals are made for sweeps whose laws are not: a little wider than
    // need be.
    EXPECT_LE(held.score, 1.25 * Coverage(family, "band").score) << "not bought with width";
  }
}

}  // namespace
}  // namespace sextant::fitting
