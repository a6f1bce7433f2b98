// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/compare.h"

#include <gtest/gtest.h>

#include "tests/fitting/least_squares/fixtures.h"

namespace sextant::fitting {
namespace {

using testing::ChinchillaLaw;
using testing::Quick;
using testing::SurfaceRuns;

std::shared_ptr<const Law> OneTermLaw() {
  return golden::TextLaw("E + A / (N * D)^alpha", {"N", "D"},
                         {{"E", {0, 100}, "", {}}, {"A", {0, 1e300}, "log", {}}, {"alpha", {0, 5}, "", {}}});
}

TEST(CompareLaws, TheLawThatMadeTheDataRanksFirst) {
  const auto ranked = CompareLaws({OneTermLaw(), ChinchillaLaw()}, SurfaceRuns(8, 8, 0.002), Quick());
  ASSERT_EQ(ranked.size(), 2u);
  ASSERT_TRUE(ranked[0].status.ok()) << ranked[0].status;
  ASSERT_TRUE(ranked[1].status.ok()) << ranked[1].status;
  EXPECT_EQ(ranked[0].law->spec().parameters.size(), 5u);
  EXPECT_EQ(ranked[0].rank_by_held_out, 1);
  EXPECT_EQ(ranked[0].rank_by_aic, 1);
  EXPECT_EQ(ranked[0].rank_by_bic, 1);
  EXPECT_EQ(ranked[1].rank_by_bic, 2);
  EXPECT_LT(ranked[0].held_out.mean_relative_error, ranked[1].held_out.mean_relative_error);
  EXPECT_GE(ranked[0].held_out.runs, 12);
}

// The information criterion charges for parameters that buy nothing.
TEST(CompareLaws, SuperfluousParametersLoseByBic) {
  LawData data = SurfaceRuns(8, 8, 0);
  RandomStream random(21, 0);
  for (std::size_t row = 0; row < data.size(); ++row) {
    data.observed[row] = (1.7 + 900 / std::pow(data.columns[0][row] * data.columns[1][row], 0.18)) *
                         std::exp(0.01 * random.Normal());
  }
  SolveOptions options = Quick();
  options.objective = *ParseObjective("squared");
  const auto ranked = CompareLaws({ChinchillaLaw(), OneTermLaw()}, data, options);
  for (const LawComparison& law : ranked) {
    ASSERT_TRUE(law.status.ok()) << law.status;
    if (law.law->spec().parameters.size() == 3) {
      EXPECT_EQ(law.rank_by_bic, 1);
    }
  }
}

TEST(CompareLaws, LawsThatCannotBeFittedComeLastAndSayWhy) {
  const auto other = golden::TextLaw("A / C^alpha", {"C"}, {{"A", {}, "", {}}, {"alpha", {}, "", {}}});
  const auto ranked = CompareLaws({ChinchillaLaw(), other}, SurfaceRuns(8, 8, 0.002), Quick());
  EXPECT_TRUE(ranked[0].status.ok());
  EXPECT_FALSE(ranked[1].status.ok());
  EXPECT_EQ(ranked[1].rank_by_held_out, 0);
}

TEST(SplitLargestScales, HoldsWholeCellsOut) {
  LawData data = SurfaceRuns(5, 4, 0.001);
  for (std::size_t row = 0; row < data.size(); ++row) data.cell_ids.push_back(std::to_string(row / 2));
  const auto split = SplitLargestScales(*ChinchillaLaw(), data, 0.2);
  ASSERT_TRUE(split.ok());
  EXPECT_EQ(split->held_out.size() + split->train.size(), 20u);
  EXPECT_EQ(split->held_out.size(), 4u);
  EXPECT_EQ(split->held_out.back(), 19u);
  EXPECT_FALSE(SplitLargestScales(*ChinchillaLaw(), data, 0).ok());
  EXPECT_FALSE(SplitLargestScales(*ChinchillaLaw(), data, 1).ok());
}

}  // namespace
}  // namespace sextant::fitting
