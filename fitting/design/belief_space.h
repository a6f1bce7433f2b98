// SPDX-License-Identifier: Apache-2.0
// The unknowns behind optimal rates and batches: one law, what models and cells share, a level per cell.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <vector>

#include "fitting/design/prior_laws.h"

namespace sextant::fitting::design {

/// ln N and ln D.
struct Scale {
  double log_params = 0, log_tokens = 0;
};

/// Curvature of ln loss at the optimum in (ln rate, ln batch).
struct Curvature {
  double rate = 0.024, batch = 0.015, correlation = 0.25;
  Eigen::Matrix2d Matrix() const;
};

/// A row over the unknowns: few of them are not zero.
struct SparseRow {
  std::vector<Eigen::Index> at;
  std::vector<double> value;
};

/// Normal unknowns: 6 coefficients, 2 per N, 2 per cell, 1 level per cell. Given the curvature H a run at x
/// in a cell observes ln L - x'Hx/2 = level - x'H (optimum), linear in them, so that conditioning is exact.
class BeliefSpace {
 public:
  /// Cells in the caller's order; scales within 0.3 % are one N.
  BeliefSpace(const Prior& prior, const Scale& centre, std::vector<Scale> cells);

  Eigen::Index size() const { return covariance_.rows(); }
  const Eigen::MatrixXd& covariance() const { return covariance_; }
  const Eigen::VectorXd& mean() const { return mean_; }
  std::size_t cells() const { return cells_.size(); }
  const Scale& scale(std::size_t cell) const { return cells_[cell]; }

  /// Of ln rate (0) or ln batch (1) at the cell's optimum.
  SparseRow OptimumRow(std::size_t cell, int quantity) const;
  /// Of what a run at `at` observes.
  SparseRow RunRow(std::size_t cell, const Eigen::Vector2d& at, const Eigen::Matrix2d& curvature) const;

  Eigen::Vector2d OptimumMean(std::size_t cell) const;
  Eigen::Matrix2d OptimumCovariance(std::size_t cell) const;

  /// Conditions on one observation.
  void Observe(const SparseRow& row, double value, double variance);
  /// The same when the value is not known yet: covariances alone.
  void Expect(const SparseRow& row, double variance);

  double Variance(const SparseRow& row) const;
  /// covariance * row.
  Eigen::VectorXd Times(const SparseRow& row) const;

 private:
  Scale centre_;
  std::vector<Scale> cells_;
  std::vector<std::size_t> model_of_;
  std::size_t models_ = 0;
  Eigen::VectorXd mean_;
  Eigen::MatrixXd covariance_;
};

double Dot(const SparseRow& row, const Eigen::VectorXd& vector);

}  // namespace sextant::fitting::design
