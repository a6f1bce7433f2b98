// SPDX-License-Identifier: Apache-2.0
// Small dense least squares inside bounds.
#pragma once

#include <vector>

namespace sextant::fitting::solve {

/// Minimises x' normal x / 2 - right' x subject to low <= x <= high, where `normal` (row-major m x m) is
/// positive semi-definite. Columns are scaled first, so parameters may differ by many orders of magnitude.
/// Active set after Lawson and Hanson (Solving Least Squares Problems, 1974, chapter 23). False if an entry
/// is not finite.
bool SolveBoundedLeastSquares(const std::vector<double>& normal, const std::vector<double>& right,
                              const std::vector<double>& low, const std::vector<double>& high,
                              std::vector<double>& solution);

}  // namespace sextant::fitting::solve
