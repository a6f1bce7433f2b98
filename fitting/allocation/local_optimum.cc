// SPDX-License-Identifier: Apache-2.0
#include "fitting/allocation/local_optimum.h"

#include <Eigen/Core>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>

#include "fitting/least_squares/scalar_minimise.h"

namespace sextant::fitting::solve {
namespace {

constexpr std::size_t kAboutTheLowest = 5;    // points that the place is read from
const double kNearTheLowest = std::log(2.5);  // and all within this factor of it

}  // namespace

std::optional<LocalOptimum> FindLocalOptimum(std::span<const std::pair<double, double>> points) {
  const std::size_t n = points.size();
  if (n < 3) return std::nullopt;
  const auto lowest = std::min_element(points.begin(), points.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
  const auto at = static_cast<std::size_t>(lowest - points.begin());
  if (at == 0 || at + 1 == n) return std::nullopt;
  std::size_t first = at - std::min(at, kAboutTheLowest / 2),
              last = std::min(n, at + kAboutTheLowest / 2 + 1);
  while (first > 0 && points[first - 1].first > lowest->first - kNearTheLowest) --first;
  while (last < n && points[last].first < lowest->first + kNearTheLowest) ++last;
  const std::size_t count = last - first;
  const Eigen::Index columns = count > 3 ? 4 : 3;
  const double scale = points[last - 1].first - points[first].first;
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, 0, 64, 4>;
  using Column = Eigen::Matrix<double, Eigen::Dynamic, 1, 0, 64, 1>;
  // More sizes than this within a factor of 2.5 are thinned, so that nothing is allocated.
  const std::size_t step = (count + 63) / 64;
  const auto rows = static_cast<Eigen::Index>((count + step - 1) / step);
  Rows powers(rows, columns);
  Column loss(rows);
  for (Eigen::Index i = 0; i < rows; ++i) {
    const auto& [x, y] = points[first + static_cast<std::size_t>(i) * step];
    double power = 1;
    for (Eigen::Index k = 0; k < columns; ++k) {
      powers(i, k) = power;
      power *= (x - lowest->first) / scale;
    }
    loss[i] = y - lowest->second;
  }
  const Eigen::Matrix<double, Eigen::Dynamic, 1, 0, 4, 1> fit = powers.colPivHouseholderQr().solve(loss);
  const double low = (points[at - 1].first - lowest->first) / scale,
               high = (points[at + 1].first - lowest->first) / scale;
  const double vertex =
      GoldenSection([&](double x) { return x * (fit[1] + x * (fit[2] + (columns > 3 ? x * fit[3] : 0))); },
                    low, high, 1e-9);
  if (vertex < low + 1e-6 || vertex > high - 1e-6) return std::nullopt;
  LocalOptimum found;
  found.place = lowest->first + vertex * scale;
  found.squares = (powers * fit - loss).squaredNorm();
  found.free = static_cast<int>(rows - columns);
  found.rise = std::min(points.front().second, points.back().second) - lowest->second;
  return found;
}

}  // namespace sextant::fitting::solve
