// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/regime.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "fitting/curve/local_regression.h"

namespace sextant::fitting {
namespace {

constexpr double kSpacing = 0.08;     // of the grid, in ln x
constexpr double kHalfWindow = 0.14;  // of the slope estimate
constexpr double kReach = 1.1;        // how far the two feet of a hump may lie from its top
constexpr double kSteepening = 1.6;   // top slope over the higher foot
constexpr double kLeastDrop = 0.04;   // in ln loss, beyond what the feet explain
constexpr double kWidestHump = 0.9;   // of a hump, in ln x: slower changes are schedule or floor
constexpr double kSignificance = 4;   // standard errors by which a slope must rise

struct Grid {
  std::vector<double> u, value, slope, slope_error;
};

Grid SlopeGrid(const std::vector<double>& u, const LocalRegression& lines, double noise) {
  Grid grid;
  // Four e-folds hold everything that matters for the end; more would let the first plateau in.
  const double begin = std::max(u.front(), u.back() - 4.5);
  size_t first = 0, last = 0;
  for (double at = begin; at <= u.back() + 1e-9; at += kSpacing) {
    while (first < u.size() && u[first] < at - kHalfWindow) ++first;
    while (last < u.size() && u[last] <= at + kHalfWindow) ++last;
    if (last - first < 4) continue;
    const LocalRegression::Line line = lines.Through(first, last, at);
    grid.u.push_back(at);
    grid.value.push_back(line.value);
    grid.slope.push_back(-line.slope);
    // Points spread evenly over a width w have a standard deviation of w / sqrt(12).
    const double width = std::max(u[last - 1] - u[first], 1e-9);
    grid.slope_error.push_back(noise * std::sqrt(12.0 / line.weight) / width);
  }
  return grid;
}

size_t LeastSlope(const Grid& grid, size_t first, size_t last) {
  return static_cast<size_t>(std::min_element(grid.slope.begin() + static_cast<std::ptrdiff_t>(first),
                                              grid.slope.begin() + static_cast<std::ptrdiff_t>(last) + 1) -
                             grid.slope.begin());
}

struct Hump {
  size_t top = 0;
  double begin = 0, end = 0, drop = 0;
};

Hump LargestHump(const Grid& grid, double start_value, double end_value, double last_u) {
  Hump best;
  const size_t n = grid.u.size();
  for (size_t top = 1; top + 1 < n && grid.u[top] <= last_u; ++top) {
    if (grid.slope[top] < grid.slope[top - 1] || grid.slope[top] < grid.slope[top + 1]) continue;
    size_t first = top, last = top;
    while (first > 0 && grid.u[first - 1] >= grid.u[top] - kReach) --first;
    while (last + 1 < n && grid.u[last + 1] <= grid.u[top] + kReach) ++last;
    const size_t left = LeastSlope(grid, first, top), right = LeastSlope(grid, top, last);
    // The first fall from the untrained loss is not a drop: some of the way must lie behind already.
    if (grid.value[left] > start_value - 0.25 * (start_value - end_value)) continue;
    const double foot = std::max({grid.slope[left], grid.slope[right], 0.02});
    if (grid.slope[top] < kSteepening * foot) continue;
    if (grid.slope[top] - foot < kSignificance * grid.slope_error[top]) continue;
    double drop = 0;
    size_t a = top, b = top;
    const double half = foot + 0.3 * (grid.slope[top] - foot);
    while (a > left && grid.slope[a - 1] > half) --a;
    while (b < right && grid.slope[b + 1] > half) ++b;
    for (size_t i = a; i <= b; ++i) drop += (grid.slope[i] - foot) * kSpacing;
    if (drop > best.drop && drop > kLeastDrop && grid.u[b] - grid.u[a] < kWidestHump) {
      best = {top, grid.u[a] - kSpacing / 2, grid.u[b] + kSpacing / 2, drop};
    }
  }
  return best;
}

std::string DropText(double log_ratio) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f %%", 100 * (1 - std::exp(-log_ratio)));
  return text;
}

std::string Place(double u) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", std::exp(u));
  return text;
}

}  // namespace

void LabelRegime(const std::vector<double>& u, const LocalRegression& lines, double annealed_from,
                 CurveQuality& quality) {
  const Grid grid = SlopeGrid(u, lines, quality.noise);
  quality.label = CurveLabel::kUsable;
  quality.reason = "falls smoothly";
  if (grid.u.size() < 4) return;
  const double least = *std::min_element(grid.value.begin(), grid.value.end());
  const double start = lines.Through(0, 1, u.front()).value, end = grid.value.back();
  if (end - least > std::max(0.25, 8 * quality.noise)) {
    quality.label = CurveLabel::kDiverged;
    quality.reason = "ends far above its own minimum";
    return;
  }
  if (start - end < std::max(0.02, 3 * quality.noise)) {
    quality.label = CurveLabel::kNotYetPowerLaw;
    quality.reason = "the loss has hardly moved: still on the first plateau";
    return;
  }
  const double last_u = annealed_from;
  const bool annealing = last_u < u.back();
  const Hump hump = LargestHump(grid, start, end, last_u);
  if (!annealing) {
    // Steepening at the very end: either a drop under way or a first plateau just left.
    const size_t n = grid.slope.size();
    size_t first = n - 1;
    while (first > 0 && grid.u[first - 1] >= u.back() - kReach) --first;
    const size_t foot = LeastSlope(grid, first, n - 1);
    const double before = std::max(grid.slope[foot], 0.02);
    double rise = 0;
    for (size_t i = foot; i < n; ++i) rise += std::max(0.0, grid.slope[i] - before) * kSpacing;
    // The last slopes rest on one-sided windows, so two of them must agree.
    const double now = std::min(grid.slope[n - 1], grid.slope[n - 2]);
    const double needed = kSignificance * grid.slope_error[n - 1];
    if (now > kSteepening * before && now - before > needed && rise > kLeastDrop) {
      const bool plateau = grid.value[foot] > start - 0.25 * (start - end);
      quality.label = plateau ? CurveLabel::kNotYetPowerLaw : CurveLabel::kDropInProgress;
      quality.reason = (plateau ? "still steepening after the first plateau, from "
                                : "a sudden fall began and has not ended, from ") +
                       Place(grid.u[foot]);
      quality.drop_begin = std::exp(grid.u[foot]);
      quality.drop_end = std::exp(u.back());
      quality.drop_log_ratio = rise;
      return;
    }
  }
  if (hump.drop > 0) {
    quality.label = CurveLabel::kAbruptDrop;
    quality.drop_begin = std::exp(hump.begin);
    quality.drop_end = std::exp(hump.end);
    quality.drop_log_ratio = hump.drop;
    quality.reason = "a sudden fall of " + DropText(hump.drop) + " beyond the trend between " +
                     Place(hump.begin) + " and " + Place(hump.end);
  }
}

}  // namespace sextant::fitting
