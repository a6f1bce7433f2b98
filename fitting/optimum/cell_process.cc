// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/cell_process.h"

#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <limits>

namespace sextant::fitting::optimum {
namespace {

/// Prior variance of a cell's level: vague beside any excess that matters.
constexpr double kLevelVariance = 0.05 * 0.05;
/// ln loss per squared ln: a tenfold change that costs 0.5 %.
constexpr double kFlatCurvature = 0.002;

}  // namespace

CellProcess::CellProcess(const SurfaceCell& cell, const JointSurface& surface, const ProcessScales& scales)
    : log_params_(cell.log_params),
      log_tokens_(cell.log_tokens),
      bowl_(surface.BowlAt(cell.log_params, cell.log_tokens)),
      centre_(surface.Optimum(cell.log_params, cell.log_tokens)),
      scales_(scales) {
  const auto count = static_cast<Eigen::Index>(cell.points.size());
  points_.resize(2, count);
  Eigen::VectorXd deviation(count);
  Eigen::MatrixXd covariance(count, count);
  const double variance = scales.amplitude * scales.amplitude;
  for (Eigen::Index i = 0; i < count; ++i) {
    const SurfacePoint& point = cell.points[static_cast<std::size_t>(i)];
    points_.col(i) = point.at;
    deviation[i] = point.log_loss - bowl_.Value(point.at - centre_);
    for (Eigen::Index j = 0; j < i; ++j) {
      const double distance = (points_.col(i) - points_.col(j)).squaredNorm();
      covariance(i, j) =
          kLevelVariance + variance * std::exp(-0.5 * distance / (scales.length * scales.length));
    }
    const double misfit = scales.misfit * point.excess;
    covariance(i, i) =
        kLevelVariance + variance + (scales.noise * scales.noise + misfit * misfit) / point.count;
  }
  deviation.array() -= deviation.mean();
  cholesky_.compute(covariance.selfadjointView<Eigen::Lower>());
  dual_ = cholesky_.solve(deviation);
  negative_log_likelihood_ =
      0.5 * deviation.dot(dual_) + cholesky_.matrixLLT().diagonal().array().log().sum();
}

double CellProcess::Expected(const Eigen::Vector2d& at, const Eigen::Matrix2d& spread,
                             Eigen::Vector2d* gradient) const {
  const double square = scales_.length * scales_.length;
  const Eigen::Matrix2d widened = square * Eigen::Matrix2d::Identity() + spread;
  const double determinant = widened.determinant();
  const double xx = widened(1, 1) / determinant;
  const double xy = -widened(0, 1) / determinant;
  const double yy = widened(0, 0) / determinant;
  const double scale = scales_.amplitude * scales_.amplitude * square / std::sqrt(determinant);
  double sum = 0;
  double slope_x = 0;
  double slope_y = 0;
  for (Eigen::Index i = 0; i < points_.cols(); ++i) {
    const double dx = at[0] - points_(0, i);
    const double dy = at[1] - points_(1, i);
    const double gx = xx * dx + xy * dy;
    const double gy = xy * dx + yy * dy;
    const double term = scale * dual_[i] * std::exp(-0.5 * (dx * gx + dy * gy));
    sum += term;
    slope_x -= term * gx;
    slope_y -= term * gy;
  }
  if (gradient != nullptr) {
    (*gradient)[0] += slope_x;
    (*gradient)[1] += slope_y;
  }
  return sum + bowl_.Expected(at - centre_, spread, gradient);
}

Eigen::Matrix2d CellProcess::OptimumCovariance(const Eigen::Vector2d& at, Axes axes) const {
  const double square = scales_.length * scales_.length;
  const double variance = scales_.amplitude * scales_.amplitude;
  // Gradient of the process's covariance with each run, and the second derivatives of its mean.
  Eigen::MatrixX2d cross(points_.cols(), 2);
  Eigen::Matrix2d hessian = bowl_.Hessian(at - centre_);
  for (Eigen::Index i = 0; i < points_.cols(); ++i) {
    const Eigen::Vector2d d = at - points_.col(i);
    const double kernel = variance * std::exp(-0.5 * d.squaredNorm() / square);
    cross.row(i) = -kernel / square * d.transpose();
    hessian += dual_[i] * kernel / square * (d * d.transpose() / square - Eigen::Matrix2d::Identity());
  }
  Eigen::Matrix2d gradient =
      variance / square * Eigen::Matrix2d::Identity() - cross.transpose() * cholesky_.solve(cross);
  Eigen::Matrix2d result = Eigen::Matrix2d::Zero();
  if (axes.rate && axes.batch) {
    // A flat or saddle-shaped bottom says nothing of where the minimum is; a floor keeps the answer finite.
    const Eigen::SelfAdjointEigenSolver<Eigen::Matrix2d> eigen(hessian);
    const Eigen::Vector2d curvature = eigen.eigenvalues().cwiseMax(kFlatCurvature);
    const Eigen::Matrix2d inverse =
        eigen.eigenvectors() * curvature.cwiseInverse().asDiagonal() * eigen.eigenvectors().transpose();
    return inverse * gradient * inverse;
  }
  const int axis = axes.rate ? 0 : 1;
  const double curvature = std::max(hessian(axis, axis), kFlatCurvature);
  result(axis, axis) = gradient(axis, axis) / (curvature * curvature);
  return result;
}

std::vector<CellProcess> MakeProcesses(const std::vector<SurfaceCell>& cells, const JointSurface& surface,
                                       const ProcessScales& scales) {
  std::vector<CellProcess> processes;
  processes.reserve(cells.size());
  for (const SurfaceCell& cell : cells) {
    processes.emplace_back(cell, surface, scales);
  }
  return processes;
}

ProcessScales ChooseScales(const std::vector<SurfaceCell>& cells, const JointSurface& surface) {
  ProcessScales best;
  double best_value = std::numeric_limits<double>::infinity();
  for (const double noise : {0.0003, 0.0006, 0.0012, 0.0024, 0.0048, 0.0096}) {
    for (const double amplitude : {0.0005, 0.001, 0.002, 0.004, 0.008}) {
      ProcessScales scales;
      scales.noise = noise;
      scales.amplitude = amplitude;
      double value = 0;
      for (const SurfaceCell& cell : cells) {
        value += CellProcess(cell, surface, scales).negative_log_likelihood();
      }
      if (value < best_value) {
        best_value = value;
        best = scales;
      }
    }
  }
  return best;
}

}  // namespace sextant::fitting::optimum
