// SPDX-License-Identifier: Apache-2.0
// Laws that minimise expected regret over the cells of a study.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/optimum/cell_process.h"
#include "fitting/optimum/law_basis.h"
#include "fitting/optimum/log_linear.h"
#include "fitting/optimum/population.h"

namespace sextant::fitting::optimum {

/// Laws for the two axes. The one asked for may use any variables, its partner uses N and D.
struct RegretLaws {
  LawVariables rate_variables = LawVariables::kParamsTokens;
  LawVariables batch_variables = LawVariables::kParamsTokens;
  LawParameters rate{};
  LawParameters batch{};

  Eigen::Vector2d At(double log_params, double log_tokens) const;  ///< (ln rate, ln batch)
};

struct RegretProblem {
  const std::vector<CellProcess>* cells;
  Axes axes;
  /// Covariance of (ln rate, ln batch) by which a prediction may miss: its regret is what counts.
  Eigen::Matrix2d spread = Eigen::Matrix2d::Zero();
  /// Added to a cell's (ln rate, ln batch) optimum, one a cell, empty for none: draws of what cells of one N
  /// share, and of the priors' means in units of their deviations, for replicates.
  std::vector<Eigen::Vector2d> shifts;
  std::vector<double> prior_shifts;
};

struct RegretFit {
  RegretLaws laws;
  double objective =
      0;  ///< sum over cells of expected ln loss, in units of kRegretUnit, plus half the prior terms
};

/// Regret that counts as one unit of evidence, in ln loss: 0.01 %.
inline constexpr double kRegretUnit = 1e-4;

/// Minimises sum over cells of E[ln loss(law + delta)], delta ~ Normal(0, spread), plus the exponents'
/// priors, by Ceres from `start`. Because bowls are steeper towards high rates and small batches, a larger
/// spread moves the law to the safer side. Internal if Ceres fails; with `quick`, tolerances of bootstrap
/// replicates.
absl::StatusOr<RegretFit> MinimiseRegret(const RegretProblem& problem, const RegretLaws& start, bool quick);

/// Each cell's own optimum (ln rate, ln batch): minimum of its process from the surface's optimum.
std::vector<Eigen::Vector2d> CellOptima(const std::vector<CellProcess>& cells, Axes axes);

}  // namespace sextant::fitting::optimum
