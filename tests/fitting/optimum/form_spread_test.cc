// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/form_spread.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "fitting/optimum/draws.h"
#include "fitting/optimum/joint_surface.h"
#include "fitting/optimum/predict.h"
#include "tests/fitting/optimum/sweeps.h"

namespace sextant::fitting {
namespace {

OptimumFit FitOf(const RunTable& runs, const std::string& estimator = "auto") {
  OptimumOptions options;
  options.estimator = estimator;
  options.replicates = 400;
  const absl::StatusOr<OptimumFit> fit = FitOptimum(runs, options);
  EXPECT_TRUE(fit.ok()) << fit.status();
  return fit.ok() ? *fit : OptimumFit{};
}

double Width(const OptimumModel& fit, double params, double tokens) {
  const OptimumPrediction p = PredictOptimum(fit, params, tokens);
  return std::log(p.high / p.low);
}

testing::AsymmetricSweep Sweep() {
  testing::AsymmetricSweep sweep;
  sweep.noise = 0.001;
  return sweep;
}

TEST(FormSpread, WidensWhatReplicatesKnowInsideAndMoreBeyondTheData) {
  const OptimumFit fit = FitOf(Sweep().Make());
  OptimumFit without = fit;
  const auto column = [&fit](const char* name) {
    return static_cast<std::size_t>(std::find(fit.parameter_names.begin(), fit.parameter_names.end(), name) -
                                    fit.parameter_names.begin());
  };
  for (std::size_t r = 0; r < fit.replicate_count; ++r) {
    for (const char* name : {"beyond.params", "beyond.tokens", "partner_beyond.params"}) {
      ASSERT_LT(column(name), fit.parameter_count()) << name;
      without.replicates[r * fit.parameter_count() + column(name)] = 0;
    }
  }
  EXPECT_DOUBLE_EQ(Width(fit, 1e8, 4e9), Width(without, 1e8, 4e9)) << "inside nothing lies beyond";
  EXPECT_GT(Width(fit, 2e9, 4e9), 1.1 * Width(without, 2e9, 4e9));
  EXPECT_GT(Width(fit, 1e8, 3e11), 1.02 * Width(without, 1e8, 3e11));
}

TEST(FormSpread, FewModelsTellLessOfTheFormThanMany) {
  testing::AsymmetricSweep few = Sweep(), many = Sweep();
  few.params = {5e7, 2e8};
  many.params = {5e7, 7e7, 1e8, 1.4e8, 2e8};
  EXPECT_GT(Width(FitOf(few.Make()), 1e9, 4e9), 1.2 * Width(FitOf(many.Make()), 1e9, 4e9));
}

TEST(FormSpread, DrawsAsColumnsGiveTheIntervalThatPredictOptimumGives) {
  const OptimumFit fit = FitOf(Sweep().Make());
  for (const double params : {1e7, 1e8, 3e9}) {
    const OptimumPrediction p = PredictOptimum(fit, params, 1e11);
    const auto interval = OptimumDraws(fit).Interval(params, 1e11, 0.9);
    ASSERT_TRUE(interval.has_value());
    EXPECT_NEAR(std::log(std::min(interval->first, p.value) / p.low), 0, 1e-9);
    EXPECT_NEAR(std::log(std::max(interval->second, p.value) / p.high), 0, 1e-9);
  }
}

TEST(FormSpread, IsNotAddedToEstimatorsAskedForByName) {
  const OptimumFit fit = FitOf(Sweep().Make(), "band");
  const std::size_t columns = fit.parameter_count();
  for (std::size_t r = 0; r < fit.replicate_count; ++r) {
    EXPECT_EQ(fit.replicates[r * columns + columns - 2], 0);
  }
}

TEST(FormSpread, MeanPenaltiesLieWithinTheirIntervalsFarBeyondTheData) {
  const OptimumFit fit = FitOf(Sweep().Make());
  const auto grid = PredictPenaltyGrid(fit, 1e11, 1e13, {1e-5, 1e-4, 1e-3, 1e-2}, {1e5, 1e6, 1e7});
  ASSERT_TRUE(grid.ok()) << grid.status();
  for (const Penalty& penalty : *grid) {
    EXPECT_LE(penalty.low, penalty.expected);
    EXPECT_LE(penalty.expected, penalty.high);
    EXPECT_LE(penalty.high, 4.0 + 1e-9) << "a run that learned nothing costs five times the loss";
  }
}

TEST(BeyondRange, IsTheDistanceInNaturalLogarithms) {
  EXPECT_EQ(optimum::BeyondRange({1e7, 1e8}, std::log(5e7)), 0);
  EXPECT_NEAR(optimum::BeyondRange({1e7, 1e8}, std::log(2e8)), std::log(2.0), 1e-12);
  EXPECT_NEAR(optimum::BeyondRange({1e7, 1e8}, std::log(5e6)), std::log(2.0), 1e-12);
  EXPECT_EQ(optimum::BeyondRange({}, std::log(2e8)), 0) << "a range that is not known";
}

TEST(Repeats, AtOneSettingAreOnePointOfTheirMeanAndWeight) {
  RunTable runs = Sweep().Make();
  const std::size_t once = runs.size();
  for (std::size_t repeat = 0; repeat < 4; ++repeat) {
    for (std::size_t i = 0; i < once; ++i) {
      testing::AddRun(runs, runs.params[i], runs.tokens[i], runs.learning_rate[i], runs.batch_size_tokens[i],
                      runs.loss[i] * 1.001);
    }
  }
  const absl::StatusOr<optimum::CellTable> table = optimum::GroupIntoCells(runs, {true, true}, 0.003);
  ASSERT_TRUE(table.ok());
  const std::vector<optimum::SurfaceCell> cells = optimum::SurfaceCells(table->cells, {true, true}, 10.0);
  for (const optimum::SurfaceCell& cell : cells) {
    ASSERT_EQ(cell.points.size(), 81u);
    for (const optimum::SurfacePoint& point : cell.points) {
      EXPECT_EQ(point.count, 5);
      EXPECT_GT(point.excess, 0.00079);
    }
  }
}

}  // namespace
}  // namespace sextant::fitting
