// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/votes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cmath>

#include "fitting/optimum/log_linear.h"
#include "fitting/optimum/predict.h"
#include "tests/fitting/optimum/sweep_files.h"
#include "tests/fitting/optimum/sweeps.h"

namespace sextant::fitting {
namespace {

using testing::AddRun;
using ::testing::AllOf;
using testing::BowlSweep;
using ::testing::Contains;
using ::testing::HasSubstr;

OptimumOptions BandOptions(OptimumTarget target, LawVariables variables, int replicates = 0) {
  OptimumOptions options;
  options.estimator = "band";
  options.target = target;
  options.variables = variables;
  options.replicates = replicates;
  return options;
}

TEST(BandOnStepLawDense, ReproducesTheReferenceFitToSixDigits) {
  const std::optional<RunTable> runs = testing::ReadStepLawDense();
  if (!runs) {
    GTEST_SKIP() << "the Step Law dense table is not on this machine";
  }
  const absl::StatusOr<OptimumFit> rate =
      FitOptimum(*runs, BandOptions(OptimumTarget::kLearningRate, LawVariables::kParamsTokens));
  ASSERT_TRUE(rate.ok()) << rate.status();
  EXPECT_EQ(rate->runs_used, 110);
  EXPECT_EQ(rate->runs_eligible, 1746);
  EXPECT_EQ(rate->cells, 15);
  EXPECT_NEAR(rate->estimates[0], 4.416354, 5e-7);
  EXPECT_NEAR(rate->estimates[1], -0.7711644, 5e-8);
  EXPECT_NEAR(rate->estimates[2], 0.1983623, 5e-8);
  const absl::StatusOr<OptimumFit> batch =
      FitOptimum(*runs, BandOptions(OptimumTarget::kBatchSizeTokens, LawVariables::kTokens));
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->runs_used, 110);
  EXPECT_NEAR(std::exp(batch->estimates[0]), 0.1535546, 1e-7);
  EXPECT_NEAR(batch->estimates[1], 0.6266847, 5e-8);
}

TEST(BandOnTableOfOptima, IsLeastSquaresOnTheRecordedOptima) {
  // First nine joint optima of OpenEuroLLM (Ajroldi et al. 2026, 2608.28308) at one size, and nine at
  // another.
  const double tokens_billions[] = {6, 12, 20, 30, 50, 80, 120, 200, 300};
  const double small[] = {0.001597763075, 0.001532951577, 0.001534216774, 0.001523136132, 0.002060221899,
                          0.002330125256, 0.002384931307, 0.002336546876, 0.003016244437};
  const double large[] = {0.0005031817663, 0.0005062759989, 0.0004607902274, 0.0005232723069, 0.0003809762434,
                          0.000326800698,  0.0003648377421, 0.0003962035847, 0.000506418497};
  RunTable runs;
  for (int i = 0; i < 9; ++i) {
    AddRun(runs, 47557632, tokens_billions[i] * 1e9, small[i], 1e5, 2.9);
    AddRun(runs, 983138304, tokens_billions[i] * 1e9, large[i], 1e5, 2.4);
  }
  const absl::StatusOr<OptimumFit> fit =
      FitOptimum(runs, BandOptions(OptimumTarget::kLearningRate, LawVariables::kParamsTokens));
  ASSERT_TRUE(fit.ok()) << fit.status();
  // Reference: numpy.linalg.lstsq on the same eighteen rows.
  EXPECT_NEAR(fit->estimates[0], 1.1826275, 1e-6);
  EXPECT_NEAR(fit->estimates[1], -0.4997592, 1e-6);
  EXPECT_NEAR(fit->estimates[2], 0.0579933, 1e-6);
  EXPECT_THAT(fit->warnings, Contains(HasSubstr("taken to be the optima")));
}

TEST(Band, RecoversTheLawOfAFineNoiselessSweep) {
  BowlSweep sweep;
  sweep.step = std::sqrt(std::sqrt(2.0));
  sweep.reach = 12;
  const RunTable runs = sweep.Make();
  const absl::StatusOr<OptimumFit> rate =
      FitOptimum(runs, BandOptions(OptimumTarget::kLearningRate, LawVariables::kParamsTokens));
  ASSERT_TRUE(rate.ok()) << rate.status();
  EXPECT_NEAR(rate->estimates[1], sweep.rate_a, 0.02);
  EXPECT_NEAR(rate->estimates[2], sweep.rate_b, 0.02);
  const absl::StatusOr<OptimumFit> batch =
      FitOptimum(runs, BandOptions(OptimumTarget::kBatchSizeTokens, LawVariables::kParamsTokens));
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_NEAR(batch->estimates[2], sweep.batch_b, 0.02);
  EXPECT_LT(rate->near_optimal_low, 0);
  EXPECT_GT(rate->near_optimal_high, 0);
}

TEST(Band, ComputeAndRatioLawsUseTheirOwnVariable) {
  RunTable runs;
  for (const double n : {1e7, 1e8, 1e9}) {
    for (const double d : {1e9, 1e10}) {
      const double compute = 6 * n * d;
      AddRun(runs, n, d, 0.3118 * std::pow(compute, -0.125), std::pow(d / n, 0.7), 3);
    }
  }
  const absl::StatusOr<OptimumFit> rate =
      FitOptimum(runs, BandOptions(OptimumTarget::kLearningRate, LawVariables::kCompute));
  ASSERT_TRUE(rate.ok()) << rate.status();
  EXPECT_NEAR(std::exp(rate->estimates[0]), 0.3118, 1e-8);
  EXPECT_NEAR(rate->estimates[1], -0.125, 1e-10);
  EXPECT_NEAR(PredictOptimum(*rate, 7e9, 2e12).value, 0.3118 * std::pow(8.4e22, -0.125), 1e-10);
  const absl::StatusOr<OptimumFit> batch =
      FitOptimum(runs, BandOptions(OptimumTarget::kBatchSizeTokens, LawVariables::kTokensPerParam));
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_NEAR(batch->estimates[1], 0.7, 1e-10);
}

TEST(Band, SameReplicatesAtAnyThreadCount) {
  BowlSweep sweep;
  sweep.noise = 0.002;
  const RunTable runs = sweep.Make();
  const OptimumOptions options = BandOptions(OptimumTarget::kLearningRate, LawVariables::kParamsTokens, 200);
  std::vector<double> reference;
  for (const int threads : {1, 2, 5}) {
    const tbb::global_control control(tbb::global_control::max_allowed_parallelism, threads);
    const absl::StatusOr<OptimumFit> fit = FitOptimum(runs, options);
    ASSERT_TRUE(fit.ok());
    ASSERT_EQ(fit->replicate_count, 200u);
    if (reference.empty()) {
      reference = fit->replicates;
    }
    EXPECT_EQ(fit->replicates, reference);
  }
  OptimumOptions other = options;
  other.seed = 2;
  EXPECT_NE(FitOptimum(runs, other)->replicates, reference);
}

TEST(Band, MoreReplicatesLeaveTheFirstOnesUnchanged) {
  BowlSweep sweep;
  sweep.noise = 0.002;
  const RunTable runs = sweep.Make();
  OptimumOptions options = BandOptions(OptimumTarget::kLearningRate, LawVariables::kParamsTokens, 20);
  const absl::StatusOr<OptimumFit> few = FitOptimum(runs, options);
  options.replicates = 50;
  const absl::StatusOr<OptimumFit> many = FitOptimum(runs, options);
  ASSERT_TRUE(few.ok() && many.ok());
  EXPECT_TRUE(std::equal(few->replicates.begin(), few->replicates.end(), many->replicates.begin()));
}

TEST(Band, IntervalsHoldTheTruthOnANoisySweep) {
  BowlSweep sweep;
  sweep.noise = 0.002;
  const RunTable runs = sweep.Make();
  const absl::StatusOr<OptimumFit> fit =
      FitOptimum(runs, BandOptions(OptimumTarget::kLearningRate, LawVariables::kParamsTokens, 500));
  ASSERT_TRUE(fit.ok()) << fit.status();
  const OptimumPrediction prediction = PredictOptimum(*fit, 3e8, 3e10);
  const double truth = sweep.rate_c * std::pow(3e8, sweep.rate_a) * std::pow(3e10, sweep.rate_b);
  EXPECT_LT(prediction.low, truth);
  EXPECT_GT(prediction.high, truth);
  EXPECT_LT(prediction.high / prediction.low, 8);
  EXPECT_DOUBLE_EQ(prediction.params_extrapolation, 3);
}

TEST(Band, WarnsWhenTheBestRunsLieOnTheEdge) {
  RunTable runs;
  for (const double n : {1e7, 2e7, 4e7, 8e7}) {
    for (const double batch : {1e4, 2e4, 4e4}) {
      // The best batch of the two smaller N is the lowest, of the two larger the middle one.
      AddRun(runs, n, 20 * n * (n > 3e7 ? 2 : 1), 1e-3, batch,
             3 + std::abs(batch - (n > 3e7 ? 2e4 : 1e4)) / 1e6 - n / 1e9);
    }
  }
  const absl::StatusOr<OptimumFit> fit =
      FitOptimum(runs, BandOptions(OptimumTarget::kBatchSizeTokens, LawVariables::kTokens));
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_EQ(fit->edges.batch_lowest, 2);
  EXPECT_THAT(fit->warnings,
              Contains("2 of 4 cells have their best batch on the lowest value tried: the optimum "
                       "may lie below the grid"));
}

TEST(Band, RefusesWhenNearlyAllBestRunsLieOnOneEdge) {
  BowlSweep sweep;
  RunTable runs = sweep.Make();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const double best =
        sweep.rate_c * std::pow(runs.params[i], sweep.rate_a) * std::pow(runs.tokens[i], sweep.rate_b);
    if (runs.learning_rate[i] > best / 2) runs.learning_rate[i] = NAN;  // never tried
  }
  for (const char* estimator : {"band", "auto"}) {
    OptimumOptions options;
    options.estimator = estimator;
    const absl::StatusOr<OptimumFit> fit = FitOptimum(runs, options);
    EXPECT_THAT(fit.status().ToString(),
                HasSubstr("not identifiable from this design: the best learning_rate of"));
    EXPECT_THAT(fit.status().ToString(), HasSubstr("add runs at higher values"));
  }
}

TEST(Band, RefusesATargetThatOnlyItsPartnerWasSweptFor) {
  testing::AsymmetricSweep sweep;
  sweep.sweep_batch = false;
  OptimumOptions options;
  options.target = OptimumTarget::kBatchSizeTokens;
  EXPECT_THAT(FitOptimum(sweep.Make(), options).status().ToString(),
              HasSubstr("only learning_rate was swept"));
}

TEST(LogLinear, ReplicateSolverEndsAtTheCeresObjective) {
  RandomStream random(7, 0);
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<optimum::LogPoint> points;
    for (int i = 0; i < 40; ++i) {
      const double n = 18 + 3 * random.Uniform(), d = 22 + 2 * random.Uniform();
      points.push_back({{{n, d}, 2}, 4 - 0.7 * n + 0.2 * d + 0.3 * random.Normal(), 0.1 + random.Uniform()});
    }
    const absl::StatusOr<optimum::LogLinearFit> by_ceres = optimum::SolveLogLinear(points);
    ASSERT_TRUE(by_ceres.ok()) << by_ceres.status();
    optimum::LawParameters exact{};
    ASSERT_TRUE(optimum::SolveLogLinearExactly(points, exact));
    for (std::size_t k = 0; k < 3; ++k) {
      EXPECT_NEAR(by_ceres->parameters[k], exact[k], 1e-8 * (1 + std::abs(exact[k])));
    }
  }
}

TEST(Refusals, NameTheAxisThatTakesOneValue) {
  BowlSweep sweep;
  sweep.params = {1e8};
  absl::StatusOr<OptimumFit> fit =
      FitOptimum(sweep.Make(), BandOptions(OptimumTarget::kLearningRate, LawVariables::kParamsTokens));
  EXPECT_EQ(fit.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(fit.status().ToString(),
              AllOf(HasSubstr("not identifiable"), HasSubstr("params takes one value")));
  // The law that does not use it is answered.
  EXPECT_TRUE(
      FitOptimum(sweep.Make(), BandOptions(OptimumTarget::kLearningRate, LawVariables::kTokens)).ok());

  sweep = BowlSweep();
  sweep.tokens = {1e9};
  fit = FitOptimum(sweep.Make(), BandOptions(OptimumTarget::kBatchSizeTokens, LawVariables::kTokens));
  EXPECT_EQ(fit.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(fit.status().ToString(), HasSubstr("tokens takes one value"));
}

TEST(Refusals, FewerThanThreeCells) {
  BowlSweep sweep;
  sweep.params = {1e8, 1e9};
  sweep.tokens = {1e9};
  const absl::StatusOr<OptimumFit> fit =
      FitOptimum(sweep.Make(), BandOptions(OptimumTarget::kLearningRate, LawVariables::kParams));
  EXPECT_EQ(fit.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(fit.status().ToString(), AllOf(HasSubstr("not identifiable"), HasSubstr("2 cells")));
}

TEST(Refusals, ParamsAndTokensThatVaryOnlyTogether) {
  RunTable runs;
  for (const double n : {1e7, 1e8, 1e9, 1e10}) {
    AddRun(runs, n, 20 * n, 1e-3 * std::pow(n, -0.2), 1e5, 3);
    AddRun(runs, n, 20 * n, 2e-3 * std::pow(n, -0.2), 1e5, 3.1);
  }
  const absl::StatusOr<OptimumFit> fit =
      FitOptimum(runs, BandOptions(OptimumTarget::kLearningRate, LawVariables::kParamsTokens));
  EXPECT_EQ(fit.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(fit.status().ToString(), HasSubstr("params and tokens vary only together"));
}

TEST(Refusals, TargetThatWasNotSwept) {
  RunTable runs;
  for (const double n : {1e7, 1e8, 1e9, 1e10}) {
    AddRun(runs, n, 1e9 + n, 1e-3, 1e5 * (1 + n / 1e9), 3);
  }
  const absl::StatusOr<OptimumFit> fit =
      FitOptimum(runs, BandOptions(OptimumTarget::kLearningRate, LawVariables::kParams));
  EXPECT_EQ(fit.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(fit.status().ToString(), HasSubstr("learning_rate takes one value"));
}

TEST(Refusals, EmptyTableAndTableWithoutTheTarget) {
  const OptimumOptions options = BandOptions(OptimumTarget::kBatchSizeTokens, LawVariables::kTokens);
  EXPECT_EQ(FitOptimum(RunTable{}, options).status().code(), absl::StatusCode::kFailedPrecondition);
  RunTable runs = BowlSweep().Make();
  runs.batch_size_tokens.clear();
  EXPECT_THAT(FitOptimum(runs, options).status().ToString(), HasSubstr("batch_size_tokens"));
}

TEST(TwoCloseValues, AreAnsweredWithAWideIntervalAndAWarning) {
  BowlSweep sweep;
  sweep.noise = 0.002;
  sweep.params = {1e8, 1.05e8};
  const absl::StatusOr<OptimumFit> close =
      FitOptimum(sweep.Make(), BandOptions(OptimumTarget::kLearningRate, LawVariables::kParamsTokens, 300));
  ASSERT_TRUE(close.ok()) << close.status();
  EXPECT_THAT(close->warnings, Contains(HasSubstr("params spans only a factor of 1.05")));
  const ParameterInterval a = ParameterIntervals(*close)[1];
  EXPECT_GT(a.high - a.low, 1.0);
}

TEST(Options, OutOfRangeValuesAreRefused) {
  const RunTable runs = BowlSweep().Make();
  OptimumOptions options;
  options.estimator = "oracle";
  EXPECT_THAT(FitOptimum(runs, options).status().ToString(), HasSubstr("unknown estimator 'oracle'"));
  options = OptimumOptions();
  options.band = 0;
  EXPECT_EQ(FitOptimum(runs, options).status().code(), absl::StatusCode::kInvalidArgument);
  options = OptimumOptions();
  options.replicates = -1;
  EXPECT_EQ(FitOptimum(runs, options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Options, CancelledFitSaysSo) {
  OptimumOptions options;
  options.cancelled = [] { return true; };
  EXPECT_EQ(FitOptimum(BowlSweep().Make(), options).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace sextant::fitting
