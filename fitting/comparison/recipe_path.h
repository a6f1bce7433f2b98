// SPDX-License-Identifier: Apache-2.0
// Two recipes' cells: on one path of N and D or spread over both, and where they meet.
#pragma once

#include <string>
#include <vector>

#include "fitting/comparison/compare_recipes.h"
#include "fitting/comparison/conditional_law.h"
#include "fitting/comparison/recipe_cells.h"

namespace sextant::fitting::comparison {

inline constexpr double kSameBudget = 0.02;  ///< relative: budgets that count as one

struct Sides {
  std::vector<RecipeCell> a, b;
};

/// The law that the cells allow. Where they spread over N and D and are few, keeps the lower envelopes and
/// says so.
LawForm ChooseForm(Sides& sides, std::vector<std::string>& warnings);

/// Budgets of both, the same N and D before the same FLOPs; multipliers are left open.
std::vector<BudgetComparison> CommonBudgets(const Sides& sides);

/// The cell of recipe A that everything is relative to: at the largest common budget.
RecipeCell Reference(const Sides& sides, const std::vector<BudgetComparison>& common);

/// Cells as the laws see them, `budget` (FLOPs or tokens) being their compute.
std::vector<LawPoint> Points(const Sides& sides, const RecipeCell& reference, double RecipeCell::*budget);

}  // namespace sextant::fitting::comparison
