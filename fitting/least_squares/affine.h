// SPDX-License-Identifier: Apache-2.0
// Which parameters a law is affine in, and their best values when the others are held.
#pragma once

#include <span>
#include <vector>

#include "fitting/least_squares/evaluator.h"

namespace sextant::fitting::solve {

/// Indices into ParameterMap::free(). Together every free parameter once.
struct AffineStructure {
  std::vector<std::size_t> linear;     ///< the law's value is affine in these jointly
  std::vector<std::size_t> nonlinear;  ///< the rest
  /// ln(value) is affine in all walked parameters, so that a fit of log residuals is convex: one start is
  /// enough.
  bool log_linear = false;
};

/// Reads the structure from the law's second derivatives where it offers them, otherwise from differences of
/// its Jacobian at `probe` and points around it.
AffineStructure FindAffineStructure(Evaluator& evaluator, std::span<const double> probe);

/// Solves the linear parameters of `walked` by least squares of the relative residuals (predicted / observed
/// - 1, level residuals: predicted - observed) inside their bounds, the others held (variable projection:
/// Golub and Pereyra 1973). A parameter walked by its logarithm that comes out as nothing is raised until its
/// term makes one per cent of the data, so that it can still be walked. One thread at a time.
class AffineSolver {
 public:
  AffineSolver(const AffineStructure& structure, const LawData& data) : structure_(structure), data_(data) {}
  /// False where the law is not finite; `walked` then stays as it was.
  bool Solve(Evaluator& evaluator, std::span<double> walked);

 private:
  const AffineStructure& structure_;
  const LawData& data_;
  std::vector<double> natural_, value_, jacobian_, normal_, right_, solution_;
};

}  // namespace sextant::fitting::solve
