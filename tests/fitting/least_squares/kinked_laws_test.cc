// SPDX-License-Identifier: Apache-2.0
#include "tests/fitting/least_squares/kinked_laws.h"

#include <gtest/gtest.h>

#include "fitting/least_squares/branches.h"
#include "tests/fitting/least_squares/fixtures.h"

namespace sextant::fitting {
namespace {

using testing::AnyContains;
using testing::KinkedSet;
using testing::MakeKinkedSet;

TEST(Branches, EveryArgumentOfMinAndMaxBecomesALawOfItsOwn) {
  LawSpec spec = golden::TextLaw("E + max(A / N^alpha, B / min(D, D0)^beta) + max(N, 1)", {"N", "D"},
                                 {{"E", {}, "", {}},
                                  {"A", {0, 1e9}, "", {}},
                                  {"B", {0, 1e9}, "", {}},
                                  {"D0", {0, 1e9}, "", {}},
                                  {"alpha", {}, "", {}},
                                  {"beta", {}, "", {}}})
                     ->spec();
  const auto branched = solve::SeparateBranches(spec);
  ASSERT_TRUE(branched);
  EXPECT_EQ(branched->arms, (std::vector<int>{2, 2}));  // not the max over a variable alone
  const std::vector<double> p = {1, 8, 27, 9, 1, 1};
  // Branch variables in the order of the kinks, the inner one first: min takes D0, max its second argument.
  const std::vector<double> at = {4, 3, 0, 1, 0, 1};
  EXPECT_DOUBLE_EQ(branched->law->Evaluate(at, p), 1 + 27.0 / 9 + 4);
  const std::vector<double> other = {4, 3, 1, 0, 1, 0};
  EXPECT_DOUBLE_EQ(branched->law->Evaluate(other, p), 1 + 8.0 / 4 + 4);
  EXPECT_FALSE(solve::SeparateBranches(testing::ChinchillaLaw()->spec()));
}

TEST(KinkedLaws, EndAtTheLowestObjectiveThatAnExhaustiveSearchFinds) {
  for (std::uint64_t seed = 100; seed < 104; ++seed) {
    const KinkedSet set = MakeKinkedSet(seed);
    const auto fit = FitLaw(set.law, set.data, testing::Quick());
    ASSERT_TRUE(fit.ok()) << fit.status();
    EXPECT_LE(fit->objective, 1.0001 * testing::ExhaustiveOptimum(set, 60)) << set.expression;
    EXPECT_GT(fit->diagnostics.at("search.branch_assignments"), 10);
    EXPECT_GT(fit->diagnostics.at("search.independent"), 10);
  }
}

TEST(KinkedLaws, AnOptimumThatHardlyAnythingReachedIsFlagged) {
  // Noise alone: the kink may lie anywhere, and every place is a minimum of its own.
  KinkedSet set = MakeKinkedSet(2);
  RandomStream random(5, 5);
  for (double& observed : set.data.observed) observed = std::exp(.5 * random.Normal());
  SolveOptions options = testing::Quick();
  const auto fit = FitLaw(set.law, set.data, options);
  ASSERT_TRUE(fit.ok()) << fit.status();
  const double agreeing =
      static_cast<double>(fit->starts_at_optimum) + fit->diagnostics.at("search.independent_at_optimum");
  EXPECT_EQ(AnyContains(fit->warnings, "not shown to be the optimum"), agreeing < 3);
}

}  // namespace
}  // namespace sextant::fitting
