// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/other_hyperparameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "fitting/optimum/quality.h"
#include "tests/fitting/synthetic.h"

namespace sextant::fitting::optimum {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr double kTolerance = 0.003;

OneSetting Kept(const RunTable& runs) {
  return KeepOneSetting(runs, {kLearningRate, kBatchSize}, {kWeightDecay, kAdamBeta2}, kTolerance);
}

void Add(RunTable& runs, double rate, double decay, double loss, RunState state = RunState::kFinished) {
  AddRun(runs, 1e8, 1e9, rate, 1e5, loss, state);
  runs.weight_decay.back() = decay;
}

TEST(OtherHyperparameters, KeepsEachPointsBestSettingWhereTheyAreCrossed) {
  RunTable runs;
  Add(runs, 1e-3, 0.0, 3.2);
  Add(runs, 1e-3, 0.1, 3.0);
  Add(runs, 2e-3, 0.0, 3.1);
  Add(runs, 2e-3, 0.1, 3.3);
  const OneSetting kept = Kept(runs);
  EXPECT_THAT(kept.Of(runs).loss, ElementsAre(3.0, 3.1));
  ASSERT_THAT(kept.warnings, SizeIs(1));
  EXPECT_THAT(kept.warnings[0], HasSubstr("weight_decay"));
  EXPECT_THAT(kept.warnings[0], HasSubstr("2 of 4 runs"));
}

TEST(OtherHyperparameters, ComparesSettingsByTheMeanOfTheirRepeats) {
  RunTable runs;
  Add(runs, 1e-3, 0.0, 2.9);  // a lucky seed of the worse setting
  Add(runs, 1e-3, 0.0, 3.3);
  Add(runs, 1e-3, 0.1, 3.0);
  Add(runs, 1e-3, 0.1, 3.05);
  EXPECT_THAT(Kept(runs).Of(runs).loss, ElementsAre(3.0, 3.05));
}

TEST(OtherHyperparameters, KeepsTheSharedSettingWhereFewPointsVaryIt) {
  RunTable runs;
  for (const double rate : {1e-3, 2e-3, 4e-3, 8e-3}) Add(runs, rate, 0.1, 3.0 + rate);
  for (const double decay : {0.0, 0.2, 0.4, 0.8}) Add(runs, 4e-3, decay, 2.5);
  const OneSetting kept = Kept(runs);
  EXPECT_THAT(kept.Of(runs).weight_decay, ElementsAre(0.1, 0.1, 0.1, 0.1));
  EXPECT_THAT(kept.warnings[0], HasSubstr("few points"));
}

TEST(OtherHyperparameters, LeavesASettingThatFollowsTheRateAndSaysSo) {
  RunTable runs;
  for (const double rate : {1e-3, 2e-3, 4e-3, 8e-3}) Add(runs, rate, 1e-4 / rate, 3.0 + rate);
  const OneSetting kept = Kept(runs);
  EXPECT_THAT(kept.Of(runs).loss, SizeIs(4));
  EXPECT_THAT(kept.warnings[0], HasSubstr("cannot tell"));
}

TEST(OtherHyperparameters, KeepsAPointWhereNothingEnded) {
  RunTable runs;
  Add(runs, 1e-3, 0.0, 3.1);
  Add(runs, 1e-3, 0.1, 3.0);
  Add(runs, 9e-3, 0.0, std::nan(""), RunState::kDiverged);
  Add(runs, 9e-3, 0.1, std::nan(""), RunState::kDiverged);
  EXPECT_THAT(Kept(runs).Of(runs).loss, SizeIs(3));
}

TEST(OtherHyperparameters, ChangesNothingWhereTheyDoNotVary) {
  const RunTable runs = KnownSweep();
  const OneSetting kept = Kept(runs);
  EXPECT_EQ(kept.Of(runs).loss, runs.loss);
  EXPECT_THAT(kept.warnings, IsEmpty());
}

TEST(OtherHyperparameters, ToleratesColumnsThatAreNotThere) {
  RunTable runs = KnownSweep();
  runs.weight_decay.clear();
  runs.adam_beta2.clear();
  EXPECT_EQ(Kept(runs).Of(runs).loss, runs.loss);
  runs.loss.clear();
  EXPECT_THAT(Kept(runs).Of(runs).id, SizeIs(runs.id.size()));
}

TEST(OtherHyperparameters, DoNotMakeDuplicates) {
  RunTable runs;
  Add(runs, 1e-3, 0.0, 3.2);
  Add(runs, 1e-3, 0.1, 3.0);
  Add(runs, 1e-3, 0.1, 3.1);
  const auto report = LabelQuality(runs);
  ASSERT_TRUE(report.ok());
  EXPECT_THAT(report->run_labels[0], Not(Contains("duplicate")));
  EXPECT_THAT(report->run_labels[1], Contains("duplicate"));
  EXPECT_THAT(report->run_labels[2], Contains("duplicate"));
}

}  // namespace
}  // namespace sextant::fitting::optimum
