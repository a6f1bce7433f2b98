// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/thin_plate.h"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <numeric>

namespace sextant::fitting::optimum {
namespace {

double Kernel(double squared_distance) {
  return squared_distance > 0 ? 0.5 * squared_distance * std::log(squared_distance) : 0.0;
}

double Cross(const Eigen::Vector2d& a, const Eigen::Vector2d& b, const Eigen::Vector2d& c) {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

}  // namespace

ThinPlateSpline::ThinPlateSpline(const Eigen::Matrix2Xd& points, const Eigen::VectorXd& values, int degree,
                                 double smoothing)
    : points_(points), degree_(degree) {
  const Eigen::Index count = points.cols();
  const Eigen::Index terms = degree == 2 ? 6 : 3;
  if (count < terms) {
    return;
  }
  const Eigen::Vector2d low = points.rowwise().minCoeff();
  const Eigen::Vector2d high = points.rowwise().maxCoeff();
  shift_ = 0.5 * (low + high);
  scale_ = 0.5 * (high - low);
  for (int k = 0; k < 2; ++k) {
    scale_[k] = scale_[k] > 0 ? scale_[k] : 1;
  }
  Eigen::MatrixXd system = Eigen::MatrixXd::Zero(count + terms, count + terms);
  for (Eigen::Index i = 0; i < count; ++i) {
    for (Eigen::Index j = 0; j < i; ++j) {
      system(i, j) = system(j, i) = Kernel((points.col(i) - points.col(j)).squaredNorm());
    }
    system(i, i) = smoothing;
    const Eigen::VectorXd polynomial = Polynomial(points.col(i));
    system.block(i, count, 1, terms) = polynomial.transpose();
    system.block(count, i, terms, 1) = polynomial;
  }
  const Eigen::FullPivLU<Eigen::MatrixXd> lu(system);
  if (!lu.isInvertible()) {
    return;
  }
  const Eigen::MatrixXd inverse = lu.inverse();
  Eigen::VectorXd right = Eigen::VectorXd::Zero(count + terms);
  right.head(count) = values;
  weights_ = inverse * right;
  // Fit = values - smoothing * w, and dw/dvalues is the inverse's corner: the left-out residual w_i /
  // inverse_ii.
  left_out_ = weights_.head(count).cwiseQuotient(inverse.diagonal().head(count));
  valid_ = weights_.allFinite() && left_out_.allFinite();
}

Eigen::VectorXd ThinPlateSpline::Polynomial(const Eigen::Vector2d& at) const {
  const Eigen::Vector2d p = (at - shift_).cwiseQuotient(scale_);
  Eigen::VectorXd terms(degree_ == 2 ? 6 : 3);
  if (degree_ == 2) {
    terms << 1, p[0], p[1], p[0] * p[0], p[0] * p[1], p[1] * p[1];
  } else {
    terms << 1, p[0], p[1];
  }
  return terms;
}

double ThinPlateSpline::operator()(const Eigen::Vector2d& at) const {
  const Eigen::Index count = points_.cols();
  double sum = Polynomial(at).dot(weights_.tail(weights_.size() - count));
  for (Eigen::Index i = 0; i < count; ++i) {
    sum += weights_[i] * Kernel((at - points_.col(i)).squaredNorm());
  }
  return sum;
}

ConvexHull::ConvexHull(const Eigen::Matrix2Xd& points) {
  // Andrew's monotone chain (1979).
  std::vector<Eigen::Vector2d> sorted;
  for (Eigen::Index i = 0; i < points.cols(); ++i) {
    sorted.emplace_back(points.col(i));
  }
  std::sort(sorted.begin(), sorted.end(), [](const Eigen::Vector2d& a, const Eigen::Vector2d& b) {
    return a[0] != b[0] ? a[0] < b[0] : a[1] < b[1];
  });
  for (int pass = 0; pass < 2; ++pass) {
    const std::size_t base = corners_.size();
    for (const Eigen::Vector2d& point : sorted) {
      while (corners_.size() >= base + 2 &&
             Cross(corners_[corners_.size() - 2], corners_.back(), point) <= 0) {
        corners_.pop_back();
      }
      corners_.push_back(point);
    }
    corners_.pop_back();
    std::reverse(sorted.begin(), sorted.end());
  }
}

bool ConvexHull::Contains(const Eigen::Vector2d& at) const {
  constexpr double kRounding = 1e-12;
  if (corners_.size() < 3) {
    return false;
  }
  for (std::size_t i = 0; i < corners_.size(); ++i) {
    if (Cross(corners_[i], corners_[(i + 1) % corners_.size()], at) < -kRounding) {
      return false;
    }
  }
  return true;
}

}  // namespace sextant::fitting::optimum
