// SPDX-License-Identifier: Apache-2.0
#include "fitting/comparison/recipe_path.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace sextant::fitting::comparison {
namespace {

constexpr double kPathCorrelation = 0.98;  ///< of ln N and ln D: above it cells are one path
constexpr std::size_t kLeastSurfaceCells = 10;

bool SameBudget(const RecipeCell& a, const RecipeCell& b) {
  return std::fabs(std::log(a.flops / b.flops)) <= kSameBudget;
}

bool SameScales(const RecipeCell& a, const RecipeCell& b) {
  return std::fabs(std::log(a.params / b.params)) <= kSameBudget &&
         std::fabs(std::log(a.tokens / b.tokens)) <= kSameBudget;
}

// Whether N and D of all cells rise together, or one of them stands still.
bool OnePath(const std::vector<RecipeCell>& cells) {
  double n = 0, d = 0, nn = 0, dd = 0, nd = 0;
  const double count = static_cast<double>(cells.size());
  for (const RecipeCell& cell : cells) {
    n += std::log(cell.params) / count;
    d += std::log(cell.tokens) / count;
  }
  for (const RecipeCell& cell : cells) {
    const double x = std::log(cell.params) - n, y = std::log(cell.tokens) - d;
    nn += x * x;
    dd += y * y;
    nd += x * y;
  }
  if (nn < 1e-4 * count || dd < 1e-4 * count) return true;
  return nd / std::sqrt(nn * dd) >= kPathCorrelation;
}

}  // namespace

LawForm ChooseForm(Sides& sides, std::vector<std::string>& warnings) {
  if (OnePath(sides.a) && OnePath(sides.b)) return LawForm::kPower;
  std::set<long> sizes, horizons;
  for (const auto* cells : {&sides.a, &sides.b}) {
    for (const RecipeCell& cell : *cells) {
      sizes.insert(std::lround(std::log(cell.params) * 20));
      horizons.insert(std::lround(std::log(cell.tokens) * 20));
    }
  }
  if (sides.a.size() + sides.b.size() >= kLeastSurfaceCells && sizes.size() >= 3 && horizons.size() >= 3) {
    return LawForm::kSurface;
  }
  const std::size_t before = sides.a.size() + sides.b.size();
  sides.a = Envelope(sides.a);
  sides.b = Envelope(sides.b);
  warnings.push_back(absl::StrCat("cells spread over N and D and are too few for a surface: the ",
                                  sides.a.size() + sides.b.size(), " of ", before,
                                  " on the lower envelope are compared"));
  return LawForm::kPower;
}

std::vector<BudgetComparison> CommonBudgets(const Sides& sides) {
  std::vector<BudgetComparison> common;
  for (const RecipeCell& a : sides.a) {
    // The same N and D if there are such; else the best of the same FLOPs.
    const RecipeCell* found = nullptr;
    for (const RecipeCell& b : sides.b) {
      if (SameScales(a, b)) found = &b;
    }
    for (const RecipeCell& b : sides.b) {
      if (found == nullptr && SameBudget(a, b)) found = &b;
    }
    if (found == nullptr) continue;
    BudgetComparison point;
    point.flops = a.flops;
    point.params = a.params;
    point.tokens = a.tokens;
    point.loss_a = a.loss;
    point.loss_b = found->loss;
    common.push_back(point);
  }
  return common;
}

RecipeCell Reference(const Sides& sides, const std::vector<BudgetComparison>& common) {
  const double most =
      common.empty() ? std::min(sides.a.back().flops, sides.b.back().flops) : common.back().flops;
  return *std::min_element(sides.a.begin(), sides.a.end(), [&](const RecipeCell& x, const RecipeCell& y) {
    return std::fabs(std::log(x.flops / most)) < std::fabs(std::log(y.flops / most));
  });
}

std::vector<LawPoint> Points(const Sides& sides, const RecipeCell& reference, double RecipeCell::*budget) {
  std::vector<LawPoint> points;
  for (const bool second : {false, true}) {
    for (const RecipeCell& cell : second ? sides.b : sides.a) {
      LawPoint point;
      point.second = second;
      point.log_compute = std::log(cell.*budget / reference.*budget);
      point.log_params = std::log(cell.params / reference.params);
      point.log_tokens = std::log(cell.tokens / reference.tokens);
      point.loss = cell.loss;
      point.weight = static_cast<double>(cell.repeats);
      points.push_back(point);
    }
  }
  return points;
}

}  // namespace sextant::fitting::comparison
