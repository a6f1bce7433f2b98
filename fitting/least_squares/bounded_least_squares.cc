// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/bounded_least_squares.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>

namespace sextant::fitting::solve {
namespace {

enum class Place : char { kFree, kLow, kHigh };

}  // namespace

bool SolveBoundedLeastSquares(const std::vector<double>& normal, const std::vector<double>& right,
                              const std::vector<double>& low, const std::vector<double>& high,
                              std::vector<double>& solution) {
  const auto m = static_cast<Eigen::Index>(right.size());
  Eigen::MatrixXd a(m, m);
  Eigen::VectorXd b(m), scale(m), x(m);
  for (Eigen::Index i = 0; i < m; ++i) {
    const double diagonal = normal[i * m + i];
    if (!std::isfinite(diagonal) || !std::isfinite(right[i])) return false;
    scale[i] = diagonal > 0 ? 1.0 / std::sqrt(diagonal) : 1.0;
  }
  for (Eigen::Index i = 0; i < m; ++i) {
    b[i] = right[i] * scale[i];
    for (Eigen::Index j = 0; j < m; ++j) a(i, j) = normal[i * m + j] * scale[i] * scale[j];
    // Keeps nearly parallel columns solvable; far below what a starting value needs.
    a(i, i) += 1e-13;
  }
  std::vector<Place> place(m, Place::kFree);
  const auto bound = [&](Eigen::Index i) { return (place[i] == Place::kLow ? low[i] : high[i]) / scale[i]; };
  // Each round pins the worst offender or frees one that pulls inwards; few parameters, so few rounds.
  for (int round = 0; round < 4 * static_cast<int>(m) + 4; ++round) {
    std::vector<Eigen::Index> inside;
    for (Eigen::Index i = 0; i < m; ++i) {
      if (place[i] == Place::kFree) inside.push_back(i);
      if (place[i] != Place::kFree) x[i] = bound(i);
    }
    const auto count = static_cast<Eigen::Index>(inside.size());
    Eigen::MatrixXd sub(count, count);
    Eigen::VectorXd rest(count);
    for (Eigen::Index i = 0; i < count; ++i) {
      rest[i] = b[inside[i]];
      for (Eigen::Index j = 0; j < m; ++j) {
        if (place[j] != Place::kFree) rest[i] -= a(inside[i], j) * x[j];
      }
      for (Eigen::Index j = 0; j < count; ++j) sub(i, j) = a(inside[i], inside[j]);
    }
    const Eigen::VectorXd solved = sub.ldlt().solve(rest);
    for (Eigen::Index i = 0; i < count; ++i) x[inside[i]] = solved[i];

    Eigen::Index worst = -1;
    double excess = 0;
    for (const Eigen::Index i : inside) {
      if (!std::isfinite(x[i])) return false;
      const double below = low[i] / scale[i] - x[i], above = x[i] - high[i] / scale[i];
      if (std::max(below, above) > excess) {
        excess = std::max(below, above);
        worst = i;
      }
    }
    if (worst >= 0) {
      place[worst] = x[worst] < low[worst] / scale[worst] ? Place::kLow : Place::kHigh;
      continue;
    }
    Eigen::Index release = -1;
    double pull = 1e-12;
    for (Eigen::Index i = 0; i < m; ++i) {
      if (place[i] == Place::kFree) continue;
      const double descent = b[i] - a.row(i).dot(x);
      const double inwards = place[i] == Place::kLow ? descent : -descent;
      if (inwards > pull) {
        pull = inwards;
        release = i;
      }
    }
    if (release < 0) break;
    place[release] = Place::kFree;
  }
  solution.resize(right.size());
  for (Eigen::Index i = 0; i < m; ++i) solution[i] = std::clamp(x[i] * scale[i], low[i], high[i]);
  return true;
}

}  // namespace sextant::fitting::solve
