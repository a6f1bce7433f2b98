// SPDX-License-Identifier: Apache-2.0
// The inner loop of every fit: objective, gradient and Hessian from a law's columns. One build a CPU level.
#pragma once

#include <cstddef>

namespace sextant::fitting::solve {

/// What a kernel reads past the end of a column, in doubles: its widest vector.
inline constexpr std::size_t kPadding = 8;

/// Columns of `points` values. No alignment is asked for, but every array holds kPadding further doubles,
/// which are finite in `model`, `observed`, `jacobian` and `second` and 0 in `weights`.
struct AccumulateInput {
  std::size_t points = 0;
  std::size_t parameters = 0;
  const double* model = nullptr;     ///< what the residual is measured on: log values, or values
  const double* observed = nullptr;  ///< on the same scale
  const double* weights = nullptr;
  const double* jacobian = nullptr;  ///< [parameter * points + point]
  /// Second derivatives of the law, [pair * points + point]; none when pairs == 0.
  const double* second = nullptr;
  std::size_t pairs = 0;
  /// True when `second` and the jacobian are those of a log value given relative to the value, so that the
  /// second derivative of the residual is second - jacobian jacobian'.
  bool relative_second = false;
  /// The matrix of iteratively reweighted least squares in place of the Hessian: never indefinite. Takes no
  /// second derivatives.
  bool majorise = false;
  double delta = 0;  ///< Huber's; infinity for squares
};

struct AccumulateOutput {
  double objective = 0;
  double* slope = nullptr;      ///< [point + kPadding]: weight * d loss / d residual
  double* curvature = nullptr;  ///< [point + kPadding]: what multiplies jacobian jacobian'
  double* gradient = nullptr;   ///< [parameter]
  double* hessian = nullptr;    ///< [p * parameters + q] for q <= p
  double* pair_sums = nullptr;  ///< [pair]: sum of slope * second
};

using AccumulateFunction = void (*)(const AccumulateInput&, AccumulateOutput*);

/// The fastest build this CPU runs. Thread-safe.
AccumulateFunction Accumulate();

/// "avx512", "avx2" or "sse2": which one that is.
const char* AccumulateLevel();

}  // namespace sextant::fitting::solve
