// SPDX-License-Identifier: Apache-2.0
// Weighted least squares for the log-linear laws: Ceres for the reported estimate, exact normal equations
// for bootstrap replicates. Both minimise the same sum of squares.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/optimum/law_basis.h"

namespace sextant::fitting::optimum {

/// log_c and at most two exponents; entries beyond the law's parameters are 0.
using LawParameters = std::array<double, 3>;

/// One observation: ln target at (ln N, ln D), with a weight >= 0 on its squared residual.
struct LogPoint {
  LogVariables at;
  double log_target;
  double weight = 1;
};

struct LogLinearFit {
  LawParameters parameters{};
  double objective = 0;  ///< sum of weight * squared residual
  double condition_number =
      1;  ///< of the centred normal matrix with unit-norm columns; infinite without rank
};

/// The reported estimate, solved by Ceres to convergence. Internal if Ceres does not converge. Points must
/// determine the law (see identifiability.h).
absl::StatusOr<LogLinearFit> SolveLogLinear(const std::vector<LogPoint>& points);

/// The same minimum by normal equations of the centred design, for replicates. False, with `parameters`
/// untouched, when the points do not determine the law.
bool SolveLogLinearExactly(const std::vector<LogPoint>& points, LawParameters& parameters);

}  // namespace sextant::fitting::optimum
