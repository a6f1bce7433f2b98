// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/measured_optima.h"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "fitting/optimum/cell_process.h"
#include "fitting/optimum/regret.h"

namespace sextant::fitting::optimum {
namespace {

/// Relative weights of runs: one run's noise, and the share of its excess by which a moved bowl may miss it.
constexpr double kCellMisfit = 0.12;
constexpr double kFarthestShift = 0.5;
constexpr int kSteps = 12;
constexpr double kLongestStep = 0.5;

double Weight(const SurfacePoint& point, double noise) {
  const double misfit = kCellMisfit * point.excess;
  return point.count / (noise * noise + misfit * misfit);
}

/// One cell's normal equations about `offset`: curvature and slope of half the weighted squares, its level
/// profiled out.
struct Normal {
  Eigen::Matrix2d curvature = Eigen::Matrix2d::Zero();
  Eigen::Vector2d slope = Eigen::Vector2d::Zero();
  double squares = 0;
};

Normal Linearise(const SurfaceCell& cell, const Bowl& bowl, const Eigen::Vector2d& centre, double noise,
                 Axes axes) {
  const auto count = static_cast<Eigen::Index>(cell.points.size());
  Eigen::MatrixX2d slopes(count, 2);
  Eigen::VectorXd residuals(count);
  Eigen::VectorXd weights(count);
  for (Eigen::Index i = 0; i < count; ++i) {
    const SurfacePoint& point = cell.points[static_cast<std::size_t>(i)];
    Eigen::Vector2d gradient = Eigen::Vector2d::Zero();
    residuals[i] = point.log_loss - bowl.Expected(point.at - centre, Eigen::Matrix2d::Zero(), &gradient);
    slopes.row(i) << (axes.rate ? gradient[0] : 0), (axes.batch ? gradient[1] : 0);
    weights[i] = Weight(point, noise);
  }
  const double total = weights.sum();
  residuals.array() -= weights.dot(residuals) / total;
  slopes.rowwise() -= (weights.transpose() * slopes / total).eval();
  Normal normal;
  normal.curvature = slopes.transpose() * weights.asDiagonal() * slopes;
  normal.slope = slopes.transpose() * weights.asDiagonal() * residuals;
  normal.squares = (weights.array() * residuals.array().square()).sum();
  return normal;
}

/// Gauss-Newton for one cell, with noise `scale` times the weights' own.
Eigen::Vector2d MoveBowl(const SurfaceCell& cell, const JointSurface& surface, Axes axes, double scale,
                         Eigen::Vector2d offset, Normal& last) {
  const Bowl bowl = surface.BowlAt(cell.log_params, cell.log_tokens);
  const Eigen::Vector2d optimum = surface.Optimum(cell.log_params, cell.log_tokens);
  const double open = scale / (kOpenDeviation * kOpenDeviation);
  for (int step = 0; step < kSteps; ++step) {
    last = Linearise(cell, bowl, optimum + offset, surface.noise, axes);
    // The bowl at x - centre falls by slope . move when the centre moves: residuals grow by that much.
    Eigen::Vector2d move =
        (last.curvature + open * Eigen::Matrix2d::Identity()).inverse() * (-last.slope - open * offset);
    move *= std::min(1.0, kLongestStep / std::max(move.norm(), 1e-12));
    offset += move;
  }
  last = Linearise(cell, bowl, optimum + offset, surface.noise, axes);
  return offset;
}

/// Places of the moved bowls; the noise is that of all cells together about them.
std::vector<MeasuredOptimum> MoveBowls(const std::vector<SurfaceCell>& cells, const JointSurface& surface,
                                       Axes axes) {
  std::vector<Eigen::Vector2d> offsets(cells.size(), Eigen::Vector2d::Zero());
  std::vector<Normal> normals(cells.size());
  const double free = 1 + (axes.rate ? 1 : 0) + (axes.batch ? 1 : 0);
  double scale = 1;
  for (int round = 0; round < 2; ++round) {
    double squares = 0;
    double freedom = 0;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      offsets[c] = MoveBowl(cells[c], surface, axes, scale, offsets[c], normals[c]);
      squares += normals[c].squares;
      freedom += std::max(0.0, static_cast<double>(cells[c].points.size()) - free);
    }
    // One unit of prior evidence for the weights' own noise, for sweeps with no run to spare.
    scale = (1 + squares) / (1 + freedom);
  }
  const Eigen::Matrix2d open = Eigen::Matrix2d::Identity() / (kOpenDeviation * kOpenDeviation);
  std::vector<MeasuredOptimum> moved(cells.size());
  for (std::size_t c = 0; c < cells.size(); ++c) {
    moved[c].at = surface.Optimum(cells[c].log_params, cells[c].log_tokens) + offsets[c];
    moved[c].covariance = (normals[c].curvature / scale + open).inverse();
    for (int axis = 0; axis < 2; ++axis) {
      if (axis == 0 ? !axes.rate : !axes.batch) {
        moved[c].at[axis] = 0;
        moved[c].covariance.row(axis).setZero();
        moved[c].covariance.col(axis).setZero();
      }
    }
  }
  return moved;
}

}  // namespace

std::vector<MeasuredOptimum> MeasureOptima(const std::vector<SurfaceCell>& near,
                                           const std::vector<SurfaceCell>& wide, const JointSurface& surface,
                                           Axes axes, const ProcessScales* scales) {
  std::vector<MeasuredOptimum> measured = MoveBowls(near, surface, axes);
  // In coordinates where every moved bowl lies at the surface's optimum, the processes are about the bowls.
  std::vector<SurfaceCell> centred = wide;
  for (std::size_t c = 0; c < centred.size(); ++c) {
    const Eigen::Vector2d moved =
        measured[c].at - surface.Optimum(centred[c].log_params, centred[c].log_tokens);
    for (SurfacePoint& point : centred[c].points) {
      point.at -= moved;
    }
  }
  const std::vector<CellProcess> processes =
      MakeProcesses(centred, surface, scales != nullptr ? *scales : ChooseScales(centred, surface));
  const std::vector<Eigen::Vector2d> minima = CellOptima(processes, axes);
  for (std::size_t c = 0; c < measured.size(); ++c) {
    const Eigen::Vector2d shift = minima[c] - processes[c].centre();
    // A process without a minimum near the bowl's says nothing of where the optimum is.
    if (shift.norm() > kFarthestShift) {
      continue;
    }
    measured[c].at += shift;
    measured[c].shift = shift;
    measured[c].shift_covariance = processes[c].OptimumCovariance(minima[c], axes);
  }
  return measured;
}

}  // namespace sextant::fitting::optimum
