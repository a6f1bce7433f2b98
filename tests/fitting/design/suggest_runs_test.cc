// SPDX-License-Identifier: Apache-2.0
#include "fitting/design/suggest_runs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/fitting/design/synthetic_sweep.h"

namespace sextant::fitting::design {
namespace {

SuggestOptions Options(const SyntheticSweep& sweep, double budget) {
  SuggestOptions options;
  options.target = sweep.target;
  options.cells = sweep.cells;
  options.budget_flops = budget;
  options.tolerance = 1e-6;
  return options;
}

Suggestion Ask(const BeliefData& data, const SuggestOptions& options) {
  absl::StatusOr<Suggestion> suggestion = SuggestRuns(data, options);
  EXPECT_TRUE(suggestion.ok()) << suggestion.status();
  return suggestion.ok() ? *std::move(suggestion) : Suggestion{};
}

TEST(SuggestRuns, AnEmptyStudyGetsADesignWithinItsBudget) {
  const SyntheticSweep sweep;
  const Suggestion suggestion = Ask(sweep.Data({}), Options(sweep, 3e18));
  ASSERT_GE(suggestion.runs.size(), 4U);
  double flops = 0;
  for (const SuggestedRun& run : suggestion.runs) flops += run.flops;
  EXPECT_NEAR(flops, suggestion.flops, 1e-6 * flops);
  EXPECT_LE(flops, 3e18);
  EXPECT_LT(suggestion.after.expected_excess, suggestion.before.expected_excess);
  EXPECT_LT(suggestion.after.rate_high / suggestion.after.rate_low,
            suggestion.before.rate_high / suggestion.before.rate_low);
}

TEST(SuggestRuns, BeatsAGridAtEqualFlops) {
  const auto cost = [](const SweepRun& run) {
    return 6 * std::exp(run.scale.log_params + run.scale.log_tokens);
  };
  double asked = 0, grid = 0;
  for (std::uint64_t seed = 2; seed < 32; ++seed) {
    const SyntheticSweep sweep(seed);
    std::vector<SweepRun> runs;
    double flops = 0, flops_of_grid = 0;
    for (int round = 0; round < 2; ++round) {
      SuggestOptions options = Options(sweep, 1e19);
      options.most_runs = 6;
      for (const SuggestedRun& run : Ask(sweep.Data(runs), options).runs) {
        runs.push_back(sweep.Run(run.scale, std::log(run.learning_rate), std::log(run.batch_size_tokens),
                                 1000 + runs.size()));
        flops += cost(runs.back());
      }
    }
    // Runs of the grid in random order, until as much is spent.
    std::vector<SweepRun> all = sweep.Grid(1, 1.0), some;
    RandomStream random(seed, 5);
    while (flops_of_grid < flops && !all.empty()) {
      std::swap(all[random.Index(all.size())], all.back());
      some.push_back(all.back());
      flops_of_grid += cost(all.back());
      all.pop_back();
    }
    asked += sweep.Excess(BelieveAt(sweep.Data(runs), sweep.target).mean);
    grid += sweep.Excess(BelieveAt(sweep.Data(some), sweep.target).mean);
  }
  EXPECT_LT(asked, 0.7 * grid);
}

TEST(SuggestRuns, CountsRunsUnderWay) {
  const SyntheticSweep sweep;
  std::vector<SweepRun> pending = sweep.Grid(1, 0.7);
  for (SweepRun& run : pending) run.log_loss = std::numeric_limits<double>::quiet_NaN();
  const Suggestion without = Ask(sweep.Data({}), Options(sweep, 3e18)),
                   with = Ask(sweep.Data(pending), Options(sweep, 3e18));
  EXPECT_LT(with.before.expected_excess, without.before.expected_excess);
}

TEST(SuggestRuns, StopsWhenTheToleranceIsMet) {
  const SyntheticSweep sweep;
  SuggestOptions options = Options(sweep, 1e21);
  options.tolerance = 0.5;
  const Suggestion suggestion = Ask(sweep.Data({}), options);
  EXPECT_TRUE(suggestion.good_enough);
  EXPECT_TRUE(suggestion.runs.empty());
}

TEST(SuggestRuns, SaysWhetherASeedOrASizePaysMore) {
  const SyntheticSweep sweep;
  SyntheticSweep small = sweep;
  small.cells.resize(2);
  const Suggestion suggestion = Ask(sweep.Data(small.Grid(1, 0.7)), Options(sweep, 1e19));
  EXPECT_GT(suggestion.gain_per_flop_seed, 0);
  EXPECT_GT(suggestion.gain_per_flop_cell, 0);
}

TEST(SuggestRuns, RefusesBudgetsAndSizesOutOfRange) {
  const SyntheticSweep sweep;
  EXPECT_EQ(SuggestRuns(sweep.Data({}), Options(sweep, -1)).status().code(),
            absl::StatusCode::kInvalidArgument);
  SuggestOptions options = Options(sweep, 1e18);
  options.cells.clear();
  EXPECT_EQ(SuggestRuns(sweep.Data({}), options).status().code(), absl::StatusCode::kInvalidArgument);
  const Suggestion poor = Ask(sweep.Data({}), Options(sweep, 1e10));
  EXPECT_TRUE(poor.runs.empty());
  EXPECT_FALSE(poor.warnings.empty());
}

}  // namespace
}  // namespace sextant::fitting::design
