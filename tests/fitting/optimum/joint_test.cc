// SPDX-License-Identifier: Apache-2.0
// The joint surface, laws of least expected regret, and what is predicted from them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cmath>
#include <ctime>

#include "fitting/optimum/cell_process.h"
#include "fitting/optimum/choose_estimator.h"
#include "fitting/optimum/compare.h"
#include "fitting/optimum/hedge.h"
#include "fitting/optimum/joint_estimator.h"
#include "fitting/optimum/predict.h"
#include "tests/fitting/optimum/sweep_files.h"
#include "tests/fitting/optimum/sweeps.h"

namespace sextant::fitting {
namespace {

using testing::AsymmetricSweep;
using ::testing::Contains;
using ::testing::HasSubstr;

OptimumOptions Options(const std::string& estimator, OptimumTarget target, int replicates = 0) {
  OptimumOptions options;
  options.estimator = estimator;
  options.target = target;
  options.replicates = replicates;
  return options;
}

constexpr OptimumTarget kRate = OptimumTarget::kLearningRate;
constexpr OptimumTarget kBatch = OptimumTarget::kBatchSizeTokens;

TEST(CellProcess, GradientMatchesDifferencesAndItFollowsTheRuns) {
  const AsymmetricSweep sweep;
  const absl::StatusOr<optimum::CellTable> table = optimum::GroupIntoCells(sweep.Make(), {true, true}, 0.003);
  ASSERT_TRUE(table.ok());
  const optimum::Axes axes;
  const std::vector<optimum::SurfaceCell> cells = optimum::SurfaceCells(table->cells, axes, 0.06);
  const optimum::JointSurface start = optimum::StartSurface(cells);
  const optimum::CellProcess process(cells[0], start, optimum::ProcessScales());
  Eigen::Matrix2d spread;
  spread << 0.02, 0.01, 0.01, 0.05;
  const Eigen::Vector2d at = cells[0].points[3].at;
  Eigen::Vector2d gradient = Eigen::Vector2d::Zero();
  process.Expected(at, spread, &gradient);
  for (int k = 0; k < 2; ++k) {
    const Eigen::Vector2d step = 1e-5 * Eigen::Vector2d::Unit(k);
    EXPECT_NEAR(
        gradient[k],
        (process.Expected(at + step, spread, nullptr) - process.Expected(at - step, spread, nullptr)) / 2e-5,
        1e-7);
  }
}

TEST(JointEstimators, RecoverLawsOfAnAsymmetricSweepWithNoise) {
  AsymmetricSweep sweep;
  sweep.noise = 0.001;
  const RunTable runs = sweep.Make();
  for (const char* estimator : {"surface", "regret"}) {
    const absl::StatusOr<OptimumFit> rate = FitOptimum(runs, Options(estimator, kRate));
    const absl::StatusOr<OptimumFit> batch = FitOptimum(runs, Options(estimator, kBatch));
    ASSERT_TRUE(rate.ok() && batch.ok()) << rate.status() << batch.status();
    EXPECT_LT(sweep.ExcessPercent(4e8, 3.2e10, PredictOptimum(*rate, 4e8, 3.2e10).value,
                                  PredictOptimum(*batch, 4e8, 3.2e10).value),
              0.1)
        << estimator;
    EXPECT_EQ(rate->starts_at_optimum, rate->starts) << estimator;
  }
}

TEST(JointEstimators, SurviveMissingAndDivergedCellsAndCoarseGrids) {
  double worst = 0;
  double sum = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    AsymmetricSweep sweep;
    sweep.noise = 0.0015;
    sweep.missing = 0.33;
    sweep.diverged_above = 1.2;
    sweep.reach = 3;
    const RunTable runs = sweep.Make(seed);
    const absl::StatusOr<OptimumFit> rate = FitOptimum(runs, Options("regret", kRate));
    const absl::StatusOr<OptimumFit> batch = FitOptimum(runs, Options("regret", kBatch));
    ASSERT_TRUE(rate.ok() && batch.ok()) << rate.status() << batch.status();
    const double excess = sweep.ExcessPercent(4e8, 3.2e10, PredictOptimum(*rate, 4e8, 3.2e10).value,
                                              PredictOptimum(*batch, 4e8, 3.2e10).value);
    worst = std::max(worst, excess);
    sum += excess / 6;
  }
  EXPECT_LT(sum, 0.15);
  EXPECT_LT(worst, 0.4);
}

TEST(JointEstimators, RateOnlyAndBatchOnlySweepsAreAnsweredForWhatTheySwept) {
  AsymmetricSweep sweep;
  sweep.noise = 0.001;
  sweep.sweep_batch = false;
  const RunTable rate_only = sweep.Make();
  const absl::StatusOr<OptimumFit> rate = FitOptimum(rate_only, Options("auto", kRate, 50));
  ASSERT_TRUE(rate.ok()) << rate.status();
  EXPECT_THAT(rate->warnings, Contains(HasSubstr("batch_size_tokens was not swept")));
  EXPECT_NEAR(std::log(PredictOptimum(*rate, 2e8, 1.6e10).value / sweep.Rate(2e8, 1.6e10)), 0, 0.4);
  EXPECT_EQ(PredictAtFixedPartner(*rate, 2e8, 1e10, 1e6).status().code(),
            absl::StatusCode::kFailedPrecondition);

  sweep.sweep_batch = true;
  sweep.sweep_rate = false;
  const RunTable batch_only = sweep.Make();
  const absl::StatusOr<OptimumFit> batch = FitOptimum(batch_only, Options("auto", kBatch, 50));
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_NEAR(std::log(PredictOptimum(*batch, 2e8, 1.6e10).value / sweep.Batch(2e8, 1.6e10)), 0, 0.4);
}

TEST(JointEstimators, TellModelsOfOneNApart) {
  // Mixtures of experts: at one active N and D, twice the experts lower the loss by 4 % and leave the
  // optimum.
  AsymmetricSweep sweep;
  sweep.noise = 0.001;
  sweep.params = {5e7, 1e8};
  RunTable runs = sweep.Make(1);
  const RunTable more = sweep.Make(2);
  runs.model.assign(runs.size(), 1);
  for (std::size_t i = 0; i < more.size(); ++i) {
    testing::AddRun(runs, more.params[i], more.tokens[i], more.learning_rate[i], more.batch_size_tokens[i],
                    0.96 * more.loss[i], more.state[i]);
    runs.model.push_back(2);
  }
  const absl::StatusOr<OptimumFit> rate = FitOptimum(runs, Options("auto", kRate));
  const absl::StatusOr<OptimumFit> batch = FitOptimum(runs, Options("auto", kBatch));
  ASSERT_TRUE(rate.ok() && batch.ok()) << rate.status() << batch.status();
  EXPECT_EQ(rate->cells, 12);
  EXPECT_LT(sweep.ExcessPercent(2e8, 3.2e10, PredictOptimum(*rate, 2e8, 3.2e10).value,
                                PredictOptimum(*batch, 2e8, 3.2e10).value),
            0.15);
}

TEST(JointEstimators, SameNumbersAtAnyThreadCount) {
  AsymmetricSweep sweep;
  sweep.noise = 0.001;
  const RunTable runs = sweep.Make();
  std::vector<double> reference;
  for (const int threads : {1, 3}) {
    const tbb::global_control control(tbb::global_control::max_allowed_parallelism, threads);
    const absl::StatusOr<OptimumFit> fit = FitOptimum(runs, Options("regret", kRate, 12));
    ASSERT_TRUE(fit.ok()) << fit.status();
    std::vector<double> numbers = fit->replicates;
    numbers.insert(numbers.end(), fit->estimates.begin(), fit->estimates.end());
    if (reference.empty()) {
      reference = numbers;
    }
    EXPECT_EQ(numbers, reference);
  }
}

TEST(Hedge, MovesTheLawToTheSaferSideOfABowlThatIsSteeperTowardsHighRates) {
  AsymmetricSweep sweep;
  sweep.noise = 0.001;
  const absl::StatusOr<OptimumFit> fit = FitOptimum(sweep.Make(), Options("regret", kRate));
  ASSERT_TRUE(fit.ok()) << fit.status();
  const double* centre = &fit->estimates[3];
  const double n = std::log(1e8), d = std::log(4e9);
  ASSERT_EQ(fit->parameter_names[3], "surface.rate.log_c");
  EXPECT_LT(std::log(PredictOptimum(*fit, 1e8, 4e9).value), centre[0] + centre[1] * n + centre[2] * d);
}

TEST(Predictions, FixedBatchIsTheJointOptimumOnlyAtTheOptimalBatch) {
  AsymmetricSweep sweep;
  sweep.noise = 0.001;
  const RunTable runs = sweep.Make();
  const absl::StatusOr<OptimumFit> fit = FitOptimum(runs, Options("regret", kRate, 40));
  ASSERT_TRUE(fit.ok()) << fit.status();
  const double batch = sweep.Batch(1e8, 4e9);
  const absl::StatusOr<OptimumPrediction> small = PredictAtFixedPartner(*fit, 1e8, 4e9, batch / 8);
  const absl::StatusOr<OptimumPrediction> same = PredictAtFixedPartner(*fit, 1e8, 4e9, batch);
  const absl::StatusOr<OptimumPrediction> large = PredictAtFixedPartner(*fit, 1e8, 4e9, batch * 8);
  ASSERT_TRUE(small.ok() && same.ok() && large.ok());
  EXPECT_LT(small->value, same->value);
  EXPECT_LT(same->value, large->value);
  EXPECT_NEAR(std::log(same->value / sweep.Rate(1e8, 4e9)), 0, 0.25);
  EXPECT_LT(small->low, small->value);
  EXPECT_LT(small->near_optimal_low, small->near_optimal_high);
  EXPECT_EQ(PredictAtFixedPartner(*fit, 1e8, 4e9, -1).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Predictions, PenaltyGrowsAwayFromTheOptimumAndGridEqualsPoints) {
  AsymmetricSweep sweep;
  sweep.noise = 0.001;
  const absl::StatusOr<OptimumFit> fit = FitOptimum(sweep.Make(), Options("regret", kRate, 40));
  ASSERT_TRUE(fit.ok()) << fit.status();
  const double rate = sweep.Rate(1e8, 4e9), batch = sweep.Batch(1e8, 4e9);
  const absl::StatusOr<std::vector<Penalty>> grid =
      PredictPenaltyGrid(*fit, 1e8, 4e9, {rate / 4, rate, rate * 4}, {batch / 4, batch, batch * 4});
  ASSERT_TRUE(grid.ok());
  ASSERT_EQ(grid->size(), 9u);
  for (std::size_t i = 0; i < 9; ++i) {
    EXPECT_GE((*grid)[i].expected, 0);
    EXPECT_LE((*grid)[i].low, (*grid)[i].high);
    if (i != 4) {
      EXPECT_GT((*grid)[i].expected, (*grid)[4].expected);
    }
  }
  EXPECT_GT((*grid)[7].expected,
            (*grid)[1].expected);  // four times too high costs more than four times too low
  EXPECT_DOUBLE_EQ(PredictPenalty(*fit, 1e8, 4e9, rate * 4, batch)->expected, (*grid)[7].expected);
  EXPECT_NEAR((*grid)[1].expected, sweep.ExcessPercent(1e8, 4e9, rate / 4, batch) / 100, 0.004);
}

TEST(Predictions, EstimatorsWithoutASurfaceSayWhatTheyCannotAnswer) {
  const absl::StatusOr<OptimumFit> fit = FitOptimum(AsymmetricSweep().Make(), Options("band", kRate));
  ASSERT_TRUE(fit.ok());
  EXPECT_THAT(PredictPenalty(*fit, 1e8, 4e9, 1e-3, 1e5).status().ToString(),
              HasSubstr("has no loss surface"));
}

TEST(Auto, ListsItsMembersWithTheirWeights) {
  AsymmetricSweep sweep;
  sweep.noise = 0.001;
  const absl::StatusOr<OptimumFit> fit = FitOptimum(sweep.Make(), Options("auto", kRate));
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_EQ(fit->estimator, "average");
  ASSERT_EQ(fit->members.size(), 3u);
  double weights = 0;
  for (const EstimatorWeight& member : fit->members) {
    weights += member.weight;
    EXPECT_GE(member.weight, 0) << member.estimator;
  }
  EXPECT_NEAR(weights, 1, 1e-12);
  EXPECT_NEAR(fit->members[1].weight, 4 * fit->members[0].weight, 1e-12) << "the same in every study";
  EXPECT_GT(fit->members[2].weight, 0) << "the band's share";
}

TEST(Auto, RecommendsTheSameWhateverTheReplicates) {
  AsymmetricSweep sweep;
  sweep.noise = 0.001;
  OptimumOptions options = Options("auto", kRate);
  options.replicates = 0, options.seed = 7;
  const absl::StatusOr<OptimumFit> none = FitOptimum(sweep.Make(), options);
  options.replicates = 60, options.seed = 8;
  const absl::StatusOr<OptimumFit> some = FitOptimum(sweep.Make(), options);
  ASSERT_TRUE(none.ok() && some.ok());
  EXPECT_EQ(none->estimates, some->estimates);
}

TEST(Auto, WarnsWhereItRecommendsTheEndOfItsOwnBand) {
  AsymmetricSweep sweep;
  sweep.noise = 0.001;
  const RunTable runs = sweep.Make();
  const absl::StatusOr<OptimumFit> fit = FitOptimum(runs, Options("auto", kRate));
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_THAT(fit->warnings, ::testing::Not(Contains(HasSubstr("end of its own near-optimal band"))));
  const absl::StatusOr<optimum::CellTable> table = optimum::GroupIntoCells(runs, {true, true}, 0.003);
  OptimumFit moved = *fit;
  moved.estimates[0] -= 1.5;
  EXPECT_THAT(optimum::AtEndOfOwnBand(table->cells, moved), HasSubstr("at the low end"));
  moved.estimates[0] += 3;
  EXPECT_THAT(optimum::AtEndOfOwnBand(table->cells, moved), HasSubstr("at the high end"));
}

TEST(Auto, FallsBackToTheBandOnATableOfOptima) {
  RunTable runs;
  for (const double n : {1e7, 1e8, 1e9}) {
    for (const double d : {1e9, 1e10}) {
      testing::AddRun(runs, n, d, std::pow(n, -0.5), std::pow(d, 0.5), 3);
    }
  }
  const absl::StatusOr<OptimumFit> fit = FitOptimum(runs, Options("auto", kRate));
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_EQ(fit->estimator, "band");
  EXPECT_NEAR(fit->estimates[1], -0.5, 1e-9);
}

TEST(Compare, NeverScoresWithoutAnAnswer) {
  AsymmetricSweep sweep;
  sweep.noise = 0.001;
  sweep.params = {1e8};
  CompareOptions options;
  options.estimators = {"band", "regret"};
  sweep.tokens = {1e9, 4e9, 1.6e10, 6.4e10};
  absl::StatusOr<Comparison> comparison = CompareEstimators(sweep.Make(), options);
  ASSERT_TRUE(comparison.ok()) << comparison.status();
  EXPECT_EQ(comparison->scores.size(), 2u) << "one N has no other split";
  for (const SplitScore& score : comparison->scores) {
    EXPECT_GE(score.mean_excess_pct, 0);
    EXPECT_GT(score.cells, 0);
  }
  EXPECT_THAT(comparison->warnings, Contains(HasSubstr("in tokens alone")));
  sweep.tokens = {1e9, 4e9};
  EXPECT_THAT(CompareEstimators(sweep.Make(), options).status().ToString(), HasSubstr("not identifiable"));
}

TEST(OnStepLawDense, LawsOfLeastRegretReachTheirHeldOutExcess) {
  const std::optional<RunTable> runs = testing::ReadStepLawDense();
  if (!runs) {
    GTEST_SKIP() << "the Step Law dense table is not on this machine";
  }
  CompareOptions options;
  options.estimators = {"regret"};
  const absl::StatusOr<Comparison> comparison = CompareEstimators(*runs, options);
  ASSERT_TRUE(comparison.ok()) << comparison.status();
  ASSERT_EQ(comparison->scores.size(), 3u);
  EXPECT_LE(comparison->scores[0].mean_excess_pct, 0.035);
  EXPECT_LE(comparison->scores[1].mean_excess_pct, 0.0355);
  EXPECT_LE(comparison->scores[2].mean_excess_pct, 0.045);
  EXPECT_EQ(comparison->scores[2].cells, 7);
}

}  // namespace
}  // namespace sextant::fitting
