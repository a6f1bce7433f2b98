// SPDX-License-Identifier: Apache-2.0
// Smoothing thin-plate spline over the plane, and the region its points cover.
#pragma once

#include <Eigen/Core>
#include <vector>

namespace sextant::fitting::optimum {

/// f(p) = sum_i w_i r_i^2 ln r_i + polynomial of the given degree, with `smoothing` added to the kernel's
/// diagonal (Wahba 1990, Spline Models for Observational Data, section 2.4).
class ThinPlateSpline {
 public:
  /// `degree` 1 needs 3 points not on a line, 2 needs 6 not on a conic; otherwise `valid()` is false.
  ThinPlateSpline(const Eigen::Matrix2Xd& points, const Eigen::VectorXd& values, int degree,
                  double smoothing);

  bool valid() const { return valid_; }
  double operator()(const Eigen::Vector2d& at) const;

  /// values minus the prediction at each point from a fit without it.
  const Eigen::VectorXd& left_out_residuals() const { return left_out_; }

 private:
  Eigen::VectorXd Polynomial(const Eigen::Vector2d& at) const;

  Eigen::Matrix2Xd points_;
  int degree_;
  Eigen::Vector2d shift_;
  Eigen::Vector2d scale_;
  Eigen::VectorXd weights_;
  Eigen::VectorXd left_out_;
  bool valid_ = false;
};

/// Convex hull of a set of points, for membership tests.
class ConvexHull {
 public:
  explicit ConvexHull(const Eigen::Matrix2Xd& points);
  bool Contains(const Eigen::Vector2d& at) const;

 private:
  std::vector<Eigen::Vector2d> corners_;  ///< anticlockwise
};

}  // namespace sextant::fitting::optimum
