// SPDX-License-Identifier: Apache-2.0
#include "fitting/comparison/compare_recipes.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fitting/comparison/student.h"
#include "fitting/refusal.h"
#include "tests/fitting/comparison/synthetic_recipes.h"

namespace sextant::fitting::comparison {
namespace {

RecipeRun OneRun(double flops, double loss) {
  RecipeRun run;
  run.params = 1e8;
  run.tokens = 1e9;
  run.flops = flops;
  run.loss = loss;
  return run;
}

RecipeComparison Compare(const TwoRecipes& recipes, const CompareRecipesOptions& options = {}) {
  absl::StatusOr<RecipeComparison> comparison = CompareRecipes(recipes.a, recipes.b, options);
  EXPECT_TRUE(comparison.ok()) << comparison.status();
  return comparison.ok() ? *std::move(comparison) : RecipeComparison{};
}

// marin-community/marin, experiments/grug/moe/agent.md: L = 1.6 + A C^-0.0941, 3.5422 against 3.52 at 3.82e17
// FLOPs, 433 986 and 410 000 tokens per second.
TEST(CompareRecipes, ReproducesTheMarinExample) {
  CompareRecipesOptions options;
  options.floor = FloorKind::kPinned;
  options.pinned_floor = 1.6;
  options.exponent = 0.0941;
  options.tokens_per_second_a = 433986;
  options.tokens_per_second_b = 410000;
  const RecipeComparison comparison = Compare({{OneRun(3.82e17, 3.5422)}, {OneRun(3.82e17, 3.52)}}, options);
  EXPECT_NEAR(comparison.multiplier.value, 1.1299, 5e-5);
  ASSERT_TRUE(comparison.wall_clock_multiplier.has_value());
  EXPECT_NEAR(comparison.wall_clock_multiplier->value, 1.0675, 5e-5);
  // A = (L - E) C^0.0941.
  EXPECT_NEAR(comparison.law_a.reducible.value * std::pow(3.82e17, 0.0941), 87.65, 5e-3);
  ASSERT_EQ(comparison.common.size(), 1U);
  EXPECT_NEAR(comparison.common[0].multiplier.value, 1.1299, 5e-5);
  EXPECT_EQ(comparison.noise, NoiseSource::kAssumed);
}

TEST(CompareRecipes, RecoversAMultiplierWithoutNoise) {
  for (const bool grid : {false, true}) {
    const RecipeComparison comparison =
        Compare(MakeRecipes({.multiplier = 1.25, .noise = 1e-6, .grid = grid}, 1));
    EXPECT_NEAR(comparison.multiplier.value, 1.25, 0.01) << grid;
    EXPECT_EQ(comparison.verdict, Verdict::kBetter) << grid;
    EXPECT_EQ(comparison.form, grid ? LawForm::kSurface : LawForm::kPower);
  }
}

TEST(CompareRecipes, SaysTheOppositeWhenRecipesAreSwapped) {
  TwoRecipes recipes = MakeRecipes({.multiplier = 1.3, .noise = 0.001}, 3);
  const RecipeComparison forth = Compare(recipes);
  std::swap(recipes.a, recipes.b);
  const RecipeComparison back = Compare(recipes);
  EXPECT_EQ(forth.verdict, Verdict::kBetter);
  EXPECT_EQ(back.verdict, Verdict::kWorse);
  EXPECT_NEAR(forth.multiplier.value * back.multiplier.value, 1, 0.03);
}

TEST(CompareRecipes, CannotTellEqualRecipesAndSaysWhatWouldTell) {
  int told = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    told += Compare(MakeRecipes({.multiplier = 1, .noise = 0.002}, seed)).verdict != Verdict::kCannotTell;
  }
  // A 90 % interval leaves 1 out in one of ten.
  EXPECT_LE(told, 9);
  const RecipeComparison close = Compare(MakeRecipes({.multiplier = 1.04, .noise = 0.002}, 5));
  ASSERT_EQ(close.verdict, Verdict::kCannotTell);
  EXPECT_TRUE(close.seeds_to_tell.has_value() || std::fabs(std::log(close.multiplier.value)) < 0.01);
}

TEST(CompareRecipes, CoversTheTruthAtTheStatedRate) {
  for (const bool grid : {false, true}) {
    int covered = 0;
    constexpr int kSeeds = 60;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      CompareRecipesOptions options;
      options.draws = 500;
      const RecipeComparison c =
          Compare(MakeRecipes({.multiplier = 1.15, .noise = 0.002, .grid = grid}, seed), options);
      covered +=
          c.multiplier.low && c.multiplier.high && *c.multiplier.low <= 1.15 && 1.15 <= *c.multiplier.high;
    }
    EXPECT_GE(covered, 0.8 * kSeeds) << grid;
  }
}

TEST(CompareRecipes, PoolsRepeatedSeedsIntoTheNoise) {
  const RecipeComparison comparison = Compare(MakeRecipes({.noise = 0.003, .rungs = 4, .seeds = 6}, 2));
  EXPECT_EQ(comparison.noise, NoiseSource::kRepeats);
  EXPECT_EQ(comparison.seeds.degrees, 2 * 4 * 5);
  EXPECT_NEAR(std::exp(comparison.seeds.log_deviation), 0.003, 0.0012);
}

TEST(CompareRecipes, DoesNotTakeARunRecordedTwiceForARepeat) {
  TwoRecipes recipes = MakeRecipes({}, 4);
  for (RecipeRun& run : recipes.a) run.seed.reset();
  recipes.a.push_back(recipes.a.front());
  EXPECT_EQ(Compare(recipes).seeds.degrees, 0);
}

TEST(CompareRecipes, RefusesWhatOneBudgetCannotTell) {
  const std::vector<RecipeRun> a = {OneRun(1e18, 3.2)}, b = {OneRun(1e18, 3.1)};
  EXPECT_TRUE(IsNotIdentifiable(CompareRecipes(a, b, {}).status()));
  EXPECT_TRUE(IsNotIdentifiable(CompareRecipes({}, b, {}).status()));
  CompareRecipesOptions options;
  options.floor = FloorKind::kPinned;
  options.pinned_floor = 3.15;
  options.exponent = 0.1;
  EXPECT_TRUE(IsNotIdentifiable(CompareRecipes(a, b, options).status()));
  options.interval = 1.5;
  EXPECT_EQ(CompareRecipes(a, b, options).status().code(), absl::StatusCode::kInvalidArgument);
}

// Abramowitz and Stegun, tables 26.10 and 26.9.
TEST(Student, QuantilesAndTailsAgreeWithTables) {
  EXPECT_NEAR(StudentQuantile(0.95, 1), 6.3138, 1e-4);
  EXPECT_NEAR(StudentQuantile(0.95, 2), 2.9200, 1e-4);
  EXPECT_NEAR(StudentQuantile(0.05, 10), -1.8125, 1e-4);
  EXPECT_NEAR(FisherTail(4.96, 1, 10), 0.05, 2e-4);
  EXPECT_NEAR(FisherTail(3.33, 5, 10), 0.05, 3e-4);
}

}  // namespace
}  // namespace sextant::fitting::comparison
