// SPDX-License-Identifier: Apache-2.0
// How often the compute multiplier's 90 % interval covers the truth, and what the verdict says, over pairs of
// synthetic recipes.
#include <cstdio>
#include <string>

#include "fitting/comparison/compare_recipes.h"
#include "tests/fitting/comparison/synthetic_recipes.h"

namespace {

using namespace sextant::fitting::comparison;  // NOLINT(google-build-using-namespace)

struct Row {
  const char* name;
  RecipeDesign design;
  FloorKind floor;
};

constexpr RecipeDesign Design(double multiplier, double noise, int rungs, int seeds, bool grid,
                              double drift = 0, double floor_b = 1.7) {
  return {multiplier, noise, rungs, seeds, grid, drift, floor_b};
}

}  // namespace

int main(int argc, char** argv) {
  const int seeds = argc > 1 ? std::stoi(argv[1]) : 200;
  const Row rows[] = {
      {"5 rungs, shared floor", Design(1.15, 0.002, 5, 1, false), FloorKind::kShared},
      {"5 rungs, floor pinned", Design(1.15, 0.002, 5, 1, false), FloorKind::kPinned},
      {"5 rungs, floors free", Design(1.15, 0.002, 5, 1, false), FloorKind::kFree},
      {"4 rungs, pinned, noise 0.5 %", Design(1.3, 0.005, 4, 1, false), FloorKind::kPinned},
      {"4 rungs, 3 seeds", Design(1.1, 0.002, 4, 3, false), FloorKind::kShared},
      {"5 rungs, exponents 5 % apart", Design(1.2, 0.001, 5, 1, false, 0.0075), FloorKind::kShared},
      {"5 rungs, floors apart, free", Design(1.2, 0.001, 5, 1, false, 0, 1.65), FloorKind::kFree},
      {"4 x 4 grid", Design(1.15, 0.002, 4, 1, true), FloorKind::kShared},
      {"equal recipes, 5 rungs", Design(1.0, 0.002, 5, 1, false), FloorKind::kShared},
      {"equal recipes, 4 rungs, 3 seeds", Design(1.0, 0.002, 4, 3, false), FloorKind::kShared},
      {"1.02 at noise 0.2 %", Design(1.02, 0.002, 5, 1, false), FloorKind::kShared},
  };
  std::printf(
      "| recipes | truth | covered %% | half width of ln | better %% | worse %% | cannot tell %% "
      "|\n|---|---|---|---|---|---|---|\n");
  for (const Row& row : rows) {
    int covered = 0, answered = 0, better = 0, worse = 0;
    double width = 0;
    // The truth of B's own floor: what A needs for B's loss at the largest budget.
    RecipeDesign clean = row.design;
    clean.noise = 0;
    clean.seeds = 1;
    const TwoRecipes exact = MakeRecipes(clean, 1);
    const double reducible_a = exact.a.back().loss - 1.7, reducible_b = exact.b.back().loss - 1.7;
    const double truth = row.design.grid ? row.design.multiplier
                                         : std::pow(reducible_a / reducible_b, (0.34 + 0.28) / (0.34 * 0.28));
    for (int seed = 0; seed < seeds; ++seed) {
      const TwoRecipes recipes = MakeRecipes(row.design, 1000 + seed);
      CompareRecipesOptions options;
      options.floor = row.floor;
      options.pinned_floor = 1.7;
      options.draws = 500;
      const auto comparison = CompareRecipes(recipes.a, recipes.b, options);
      if (!comparison.ok()) continue;
      ++answered;
      const Estimate& m = comparison->multiplier;
      covered += (!m.low || *m.low <= truth) && (!m.high || truth <= *m.high);
      if (m.low && m.high) width += 0.5 * std::log(*m.high / *m.low);
      better += comparison->verdict == Verdict::kBetter;
      worse += comparison->verdict == Verdict::kWorse;
    }
    const double share = 100.0 / std::max(1, answered);
    std::printf("| %s | %.3f | %.1f | %.3f | %.1f | %.1f | %.1f |\n", row.name, truth, covered * share,
                width / std::max(1, answered), better * share, worse * share, 100 - (better + worse) * share);
    std::fflush(stdout);
  }
  return 0;
}
