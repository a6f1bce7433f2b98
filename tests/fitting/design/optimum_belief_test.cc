// SPDX-License-Identifier: Apache-2.0
#include "fitting/design/optimum_belief.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/fitting/design/synthetic_sweep.h"

namespace sextant::fitting::design {
namespace {

TEST(ConsensusOf, IsTheMedianOfTheLawsAndAsWideAsTheyDisagree) {
  const auto law = [](double level) {
    return PriorLaw{"law", LogPlane{level, -0.5, 0.2}, LogPlane{13, 0, 0.6}};
  };
  const std::vector<PriorLaw> close = {law(-6.1), law(-6.0), law(-5.9)}, far = {law(-8), law(-6), law(-4)};
  EXPECT_DOUBLE_EQ(ConsensusOf(close).mean[0], -6.0);
  EXPECT_DOUBLE_EQ(ConsensusOf(far).mean[0], -6.0);
  EXPECT_GT(ConsensusOf(far).covariance(0, 0), 4 * ConsensusOf(close).covariance(0, 0));
}

TEST(BelieveAt, WithoutRunsIsTheConsensus) {
  const SyntheticSweep sweep;
  const OptimumBelief belief = BelieveAt(sweep.Data({}), sweep.target);
  EXPECT_NEAR(belief.mean[0], sweep.prior_rate, 1e-9);
  EXPECT_NEAR(belief.mean[1], sweep.prior_batch, 1e-9);
  EXPECT_GT(belief.covariance(0, 0), 0.3 * 0.3);
}

TEST(BelieveAt, GoesToTheTruthAsRunsAreAdded) {
  const SyntheticSweep sweep;
  const double prior = BelieveAt(sweep.Data({}), sweep.target).expected_excess;
  const double last = sweep.Excess(BelieveAt(sweep.Data({}), sweep.target).mean);
  const OptimumBelief few = BelieveAt(sweep.Data(sweep.Grid(1, 1.0)), sweep.target);
  const OptimumBelief many = BelieveAt(sweep.Data(sweep.Grid(3, 0.7)), sweep.target);
  EXPECT_LT(sweep.Excess(few.mean), last);
  EXPECT_LT(sweep.Excess(many.mean), 0.3 * last);
  EXPECT_LT(few.expected_excess, prior);
  EXPECT_LT(many.expected_excess, prior);
}

TEST(BelieveAt, RunsUnderWayMoveNoMeanAndPromiseLess) {
  const SyntheticSweep sweep;
  std::vector<SweepRun> runs = sweep.Grid(1, 1.0);
  for (SweepRun& run : runs) run.log_loss = std::numeric_limits<double>::quiet_NaN();
  const OptimumBelief belief = BelieveAt(sweep.Data(runs), sweep.target);
  EXPECT_NEAR(belief.mean[0], sweep.prior_rate, 0.3);
  EXPECT_LT(belief.expected_excess, BelieveAt(sweep.Data({}), sweep.target).expected_excess);
}

TEST(BelieveAt, AFarWorseRunSaysNothing) {
  const SyntheticSweep sweep;
  std::vector<SweepRun> runs = sweep.Grid(2, 0.7);
  const OptimumBelief before = BelieveAt(sweep.Data(runs), sweep.target);
  runs.push_back(runs.front());
  runs.back().log_rate += 4;
  runs.back().log_loss += 1;
  const OptimumBelief after = BelieveAt(sweep.Data(runs), sweep.target);
  EXPECT_NEAR(after.mean[0], before.mean[0], 0.02);
}

// 90 % intervals over truths drawn about the prior hold the truth in about nine of ten.
TEST(BelieveAt, IntervalsHoldTheTruth) {
  int held = 0, total = 0;
  for (int seed = 0; seed < 60; ++seed) {
    const SyntheticSweep sweep(static_cast<std::uint64_t>(seed));
    const OptimumBelief belief = BelieveAt(sweep.Data(sweep.Grid(2, 0.7)), sweep.target);
    for (const int q : {0, 1}) {
      held += std::fabs(belief.mean[q] - sweep.Optimum(sweep.target)[q]) <
              1.645 * std::sqrt(belief.covariance(q, q));
      ++total;
    }
  }
  EXPECT_GE(held, 0.8 * total);
}

}  // namespace
}  // namespace sextant::fitting::design
