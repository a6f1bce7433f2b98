// SPDX-License-Identifier: Apache-2.0
// Runs of two recipes whose compute multiplier is known.
#pragma once

#include <cmath>
#include <vector>

#include "base/random.h"
#include "fitting/comparison/recipe_cells.h"

namespace sextant::fitting::comparison {

struct TwoRecipes {
  std::vector<RecipeRun> a, b;
};

struct RecipeDesign {
  double multiplier = 1.1;  ///< of compute, B over A, at every budget unless the exponents differ
  double noise = 0.0015;    ///< deviation of ln loss
  int rungs = 5;
  int seeds = 1;         ///< of every cell
  bool grid = false;     ///< every N with every D, else D = 20 N
  double drift = 0;      ///< exponent of B less that of A, about the largest budget
  double floor_b = 1.7;  ///< of A 1.7
};

/// L = 1.7 + 400 N^-0.34 + 410 D^-0.28 (near Hoffmann et al. 2022), B's reducible loss less by what
/// `multiplier` compute removes.
inline TwoRecipes MakeRecipes(const RecipeDesign& design, std::uint64_t seed) {
  TwoRecipes recipes;
  RandomStream random(seed, 7);
  const double exponent = 0.34 * 0.28 / (0.34 + 0.28);
  const double largest = 20e6 * std::pow(2.0, design.rungs - 1);
  const double top = 6 * largest * 20 * largest;
  const auto loss = [&](double n, double d, bool second) {
    double reducible = 400 * std::pow(n, -0.34) + 410 * std::pow(d, -0.28);
    if (second)
      reducible *= std::pow(design.multiplier, -exponent) * std::pow(6 * n * d / top, -design.drift);
    return (second ? design.floor_b : 1.7) + reducible;
  };
  for (int i = 0; i < design.rungs; ++i) {
    for (int j = 0; j < (design.grid ? design.rungs : 1); ++j) {
      const double n = 20e6 * std::pow(2.0, i), d = design.grid ? 400e6 * std::pow(2.0, j) : 20 * n;
      for (int s = 0; s < design.seeds; ++s) {
        for (const bool second : {false, true}) {
          RecipeRun run;
          run.params = n;
          run.tokens = d;
          run.seed = s;
          run.learning_rate = 1e-3;
          run.batch_size_tokens = 1e5;
          run.loss = loss(n, d, second) * std::exp(design.noise * random.Normal());
          (second ? recipes.b : recipes.a).push_back(run);
        }
      }
    }
  }
  return recipes;
}

}  // namespace sextant::fitting::comparison
