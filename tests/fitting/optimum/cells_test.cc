// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/cells.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/fitting/optimum/sweeps.h"

namespace sextant::fitting::optimum {
namespace {

using testing::AddRun;

TEST(SnapToLevels, JoinsRoundedRatesAndKeepsGridNeighboursApart) {
  // The rounded and unrounded nominal rates of the Step Law table, and the grid's next value.
  std::vector<double> levels;
  const std::vector<int> level =
      SnapToLevels({0.003906, 0.00390, 0.00391, 0.002762, 0.00276, NAN, -1}, 0.003, levels);
  EXPECT_EQ(level, (std::vector<int>{1, 1, 1, 0, 0, -1, -1}));
  EXPECT_EQ(levels, (std::vector<double>{0.00276, 0.00390}));
}

TEST(SnapToLevels, DoesNotChainNeighboursIntoOneLevel) {
  std::vector<double> values;
  for (int i = 0; i < 10; ++i) {
    values.push_back(std::pow(1.002, i));
  }
  std::vector<double> levels;
  SnapToLevels(values, 0.003, levels);
  EXPECT_EQ(levels.size(), 5u);
}

TEST(GroupIntoCells, JoinsCountsThatDifferByRounding) {
  RunTable runs;
  AddRun(runs, 1.000e8, 1.000e9, 1e-3, 1e5, 3.0);
  AddRun(runs, 1.002e8, 0.999e9, 2e-3, 1e5, 2.9);
  AddRun(runs, 1.020e8, 1.000e9, 1e-3, 1e5, 3.1);
  const absl::StatusOr<CellTable> table = GroupIntoCells(runs, {true, true}, 0.003);
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_EQ(table->cells.size(), 2u);
  EXPECT_EQ(table->cells[0].runs.size(), 2u);
  EXPECT_EQ(table->cells[0].runs[table->cells[0].best].row, 1u);
  // Recorded values are kept for the fit.
  EXPECT_DOUBLE_EQ(table->cells[0].runs[1].log_params, std::log(1.002e8));
}

TEST(GroupIntoCells, LeavesOutDivergedAndIncompleteRunsAndCountsThem) {
  RunTable runs;
  AddRun(runs, 1e8, 1e9, 1e-3, 1e5, 3.0);
  AddRun(runs, 1e8, 1e9, 2e-3, 1e5, INFINITY);
  AddRun(runs, 1e8, 1e9, 4e-3, 1e5, 2.0, RunState::kDiverged);
  AddRun(runs, 1e8, 1e9, 1e-3, 1e5, 2.0, RunState::kRunning);
  AddRun(runs, 1e8, 1e9, NAN, 1e5, 2.0);
  AddRun(runs, NAN, 1e9, 1e-3, 1e5, 2.0);
  const absl::StatusOr<CellTable> for_rate = GroupIntoCells(runs, {true, false}, 0.003);
  ASSERT_TRUE(for_rate.ok());
  EXPECT_EQ(for_rate->runs_eligible, 1);
  EXPECT_EQ(for_rate->runs_diverged, 3);
  EXPECT_EQ(for_rate->runs_incomplete, 2);
  const absl::StatusOr<CellTable> for_batch = GroupIntoCells(runs, {false, true}, 0.003);
  ASSERT_TRUE(for_batch.ok());
  EXPECT_EQ(for_batch->runs_eligible, 2);
}

TEST(GroupIntoCells, RefusesRaggedColumns) {
  RunTable runs;
  AddRun(runs, 1e8, 1e9, 1e-3, 1e5, 3.0);
  runs.loss.push_back(2.0);
  EXPECT_EQ(GroupIntoCells(runs, {}, 0.003).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CountEdges, CountsBestRunsOnTheEdgeUnlessADivergedRunLiesBeyond) {
  RunTable runs;
  for (const double batch : {1e5, 2e5}) {
    AddRun(runs, 1e8, 1e9, 1e-3, batch, 3.0 + batch / 1e6);
    AddRun(runs, 1e8, 1e9, 2e-3, batch, 2.9 + batch / 1e6);
  }
  absl::StatusOr<CellTable> table = GroupIntoCells(runs, {true, true}, 0.003);
  ASSERT_TRUE(table.ok());
  EdgeCounts edges = CountEdges(table->cells);
  EXPECT_EQ(edges.learning_rate_highest, 1);
  EXPECT_EQ(edges.learning_rate_lowest, 0);
  EXPECT_EQ(edges.batch_lowest, 1);
  EXPECT_EQ(edges.batch_highest, 0);

  AddRun(runs, 1e8, 1e9, 4e-3, 1e5, NAN);
  table = GroupIntoCells(runs, {true, true}, 0.003);
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(CountEdges(table->cells).learning_rate_highest, 0);
}

}  // namespace
}  // namespace sextant::fitting::optimum
