// SPDX-License-Identifier: Apache-2.0
// Tables that cannot be one study.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "fitting/optimum/optimum_fit.h"
#include "tests/fitting/optimum/sweeps.h"

namespace sextant::fitting {
namespace {

using testing::AsymmetricSweep;
using ::testing::Contains;
using ::testing::HasSubstr;

OptimumOptions Options(const char* estimator) {
  OptimumOptions options;
  options.estimator = estimator;
  options.replicates = 0;
  return options;
}

TEST(StudyChecks, RefuseBatchesOfWhichSomeAreInSequences) {
  AsymmetricSweep sweep;
  sweep.reach = 2;
  RunTable runs = sweep.Make();
  for (std::size_t i = 0; i < runs.size(); i += 2) runs.batch_size_tokens[i] /= 2048;
  const absl::Status status = FitOptimum(runs, Options("auto")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("two groups"));
}

TEST(StudyChecks, RefuseCellsOfWhichSomeAreInSequences) {
  RunTable runs = AsymmetricSweep().Make();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (runs.params[i] > 7e7) runs.batch_size_tokens[i] /= 2048;
  }
  const absl::Status status = FitOptimum(runs, Options("auto")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("as if some cells were in sequences"));
}

TEST(StudyChecks, RefuseBatchesSmallerThanASequence) {
  RunTable runs = AsymmetricSweep().Make();
  runs.sequence_length.assign(runs.size(), 4096);
  runs.batch_size_tokens[7] = 512;
  EXPECT_THAT(FitOptimum(runs, Options("band")).status().ToString(),
              HasSubstr("1 of 972 runs have a batch smaller than one sequence"));
}

TEST(StudyChecks, RefuseRunsWhoseTokensAreNotTheirStepsTimesTheirBatch) {
  RunTable runs = AsymmetricSweep().Make();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    runs.steps.push_back(runs.tokens[i] / runs.batch_size_tokens[i]);
  }
  EXPECT_TRUE(FitOptimum(runs, Options("band")).ok());
  runs.steps[3] /= 1024;
  EXPECT_THAT(FitOptimum(runs, Options("band")).status().ToString(), HasSubstr("tokens = steps x batch"));
}

TEST(StudyChecks, NameSequenceLengthsThatAreFittedTogether) {
  RunTable runs = AsymmetricSweep().Make();
  for (const double params : runs.params) runs.sequence_length.push_back(params > 1.5e8 ? 2048 : 1024);
  const absl::StatusOr<OptimumFit> fit = FitOptimum(runs, Options("band"));
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_THAT(fit->warnings, Contains(HasSubstr("1024 (729 runs), 2048 (243 runs)")));
}

TEST(StudyChecks, RefuseCellsThatHoldSeveralSequenceLengths) {
  RunTable runs = AsymmetricSweep().Make();
  runs.sequence_length.assign(runs.size(), 1024);
  runs.sequence_length[0] = 2048;
  EXPECT_THAT(FitOptimum(runs, Options("band")).status().ToString(),
              HasSubstr("1 of 12 cells of one params and tokens hold runs of several sequence lengths"));
}

TEST(StudyChecks, RefuseRunsOfSeveralSchedulesAndSayHowToSelectOne) {
  RunTable runs = AsymmetricSweep().Make();
  runs.recipes = {"schedule = cosine", "schedule = wsd"};
  runs.recipe.assign(runs.size(), 0);
  runs.recipe[5] = -1;
  EXPECT_TRUE(FitOptimum(runs, Options("band")).ok()) << "one schedule, and one run that does not say";
  for (std::size_t i = 0; i < 100; ++i) runs.recipe[i] = 1;
  const absl::Status status = FitOptimum(runs, Options("auto")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("'schedule = cosine' (872 runs), 'schedule = wsd' (100 runs)"));
}

TEST(StudyChecks, OneModelWhoseCountsJitterIsOneCell) {
  RunTable runs = AsymmetricSweep().Make();
  const absl::StatusOr<OptimumFit> exact = FitOptimum(runs, Options("band"));
  for (std::size_t i = 0; i < runs.size(); ++i)
    runs.params[i] *= 1 + 0.005 * std::sin(static_cast<double>(i));
  const absl::StatusOr<OptimumFit> jittered = FitOptimum(runs, Options("band"));
  ASSERT_TRUE(exact.ok() && jittered.ok());
  EXPECT_EQ(jittered->cells, exact->cells);
  for (std::size_t i = 0; i < runs.size(); ++i) runs.params[i] *= i % 2 == 0 ? 1 : 1.025;
  const absl::StatusOr<OptimumFit> split = FitOptimum(runs, Options("band"));
  ASSERT_TRUE(split.ok());
  EXPECT_THAT(split->warnings, Contains(HasSubstr("taken for models of their own")));
}

TEST(StudyChecks, TokensThatFollowParamsToOnePercentTellNoExponentsApart) {
  AsymmetricSweep sweep;
  RunTable runs;
  for (const double n : {2.5e7, 5e7, 1e8, 2e8}) {
    sweep.params = {n};
    sweep.tokens = {20 * n * (1 + 0.01 * std::sin(n))};
    const RunTable more = sweep.Make();
    for (std::size_t i = 0; i < more.size(); ++i) {
      testing::AddRun(runs, more.params[i], more.tokens[i], more.learning_rate[i], more.batch_size_tokens[i],
                      more.loss[i]);
    }
  }
  EXPECT_THAT(FitOptimum(runs, Options("band")).status().ToString(), HasSubstr("vary only together"));
}

}  // namespace
}  // namespace sextant::fitting
