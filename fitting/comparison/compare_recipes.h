// SPDX-License-Identifier: Apache-2.0
// The compute multiplier of recipe B over recipe A, and whether it is more than noise.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fitting/comparison/floor_posterior.h"
#include "fitting/comparison/noise.h"
#include "fitting/comparison/recipe_cells.h"

namespace sextant::fitting::comparison {

struct CompareRecipesOptions {
  FloorKind floor = FloorKind::kShared;
  double pinned_floor = 0;
  std::optional<double> exponent = std::nullopt;  ///< of compute, held for both recipes
  std::vector<double> budgets = {};  ///< FLOPs to project to; empty: 10 and 100 times the largest common one
  std::optional<double> tokens_per_second_a = std::nullopt,
                        tokens_per_second_b = std::nullopt;  ///< instead of the runs' own
  double interval = 0.9;
  int draws = 2000;
  std::uint64_t seed = 1;
};

/// A value and its interval; an end that is infinite or unknown is absent.
struct Estimate {
  double value = 0;
  std::optional<double> low = std::nullopt, high = std::nullopt;
};

/// Both recipes at one budget. Multipliers: how much more A needs for B's loss, above 1 where B is better.
struct BudgetComparison {
  double flops = 0, params = 0, tokens = 0;
  double loss_a = 0, loss_b = 0;
  Estimate multiplier;
};

struct Projection {
  double flops = 0;
  Estimate loss_a, loss_b, multiplier;
};

/// One recipe's law along the path of best compute, L = floor + reducible * (C / reference)^-exponent.
struct RecipeLaw {
  Estimate floor, reducible, exponent;
  std::size_t cells = 0, runs = 0;
};

enum class Verdict { kCannotTell, kBetter, kWorse };

struct RecipeComparison {
  Estimate multiplier;  ///< of compute, at the reference
  std::optional<Estimate> token_multiplier, wall_clock_multiplier;
  double reference_flops = 0;
  Verdict verdict = Verdict::kCannotTell;
  /// Where it cannot be told: seeds of every cell, or further budgets at steps of 4, that would tell were the
  /// multiplier as estimated. Absent where 64 seeds, or 6 budgets, would not.
  std::optional<int> seeds_to_tell, rungs_to_tell;
  LawForm form = LawForm::kPower;
  RecipeLaw law_a, law_b;
  std::vector<BudgetComparison> common;
  std::vector<Projection> projections;
  double noise_deviation = 0;  ///< of ln loss of one run about the laws
  int noise_degrees = 0;
  NoiseSource noise = NoiseSource::kAssumed;
  NoiseModel seeds;
  std::optional<double> lack_of_fit_tail;
  std::vector<std::string> warnings;
};

/// Compares finished runs of two recipes. InvalidArgument for options; NotIdentifiable where the runs cannot
/// tell a multiplier: no run of a recipe, or one budget in all and no exponent given. Thread-safe; the same
/// seed, the same answer.
absl::StatusOr<RecipeComparison> CompareRecipes(std::span<const RecipeRun> a, std::span<const RecipeRun> b,
                                                const CompareRecipesOptions& options);

}  // namespace sextant::fitting::comparison
