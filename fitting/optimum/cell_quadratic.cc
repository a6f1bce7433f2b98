// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/cell_quadratic.h"

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace sextant::fitting::optimum {
namespace {

constexpr double kQuadraticWindow = 0.02;
constexpr double kHuberScale = 0.002;
constexpr int kReweightings = 5;

}  // namespace

CellVertex FitCellQuadratic(const DrawnCell& draw) {
  CellVertex vertex;
  const Cell& cell = *draw.cell;
  double best_loss = std::numeric_limits<double>::infinity();
  const CellRun* best = nullptr;
  for (const std::uint32_t run : draw.runs) {
    if (cell.runs[run].loss < best_loss) {
      best_loss = cell.runs[run].loss;
      best = &cell.runs[run];
    }
  }
  const auto swept = [](const LevelSpan& span) { return span.Swept(); };
  std::vector<int> axes;
  if (swept(cell.rates)) {
    axes.push_back(0);
  }
  if (swept(cell.batches)) {
    axes.push_back(1);
  }
  std::vector<Eigen::Vector2d> at;
  std::vector<double> log_loss;
  for (const std::uint32_t index : draw.runs) {
    const CellRun& run = cell.runs[index];
    const bool recorded = (axes.empty() || axes.front() != 0 || std::isfinite(run.log_rate)) &&
                          (axes.empty() || axes.back() != 1 || std::isfinite(run.log_batch));
    if (run.loss <= best_loss * (1 + kQuadraticWindow) && recorded) {
      at.emplace_back(run.log_rate, run.log_batch);
      log_loss.push_back(std::log(run.loss / best_loss));
    }
  }
  const auto dimension = static_cast<Eigen::Index>(axes.size());
  const Eigen::Index terms = 1 + dimension + dimension * (dimension + 1) / 2;
  const auto count = static_cast<Eigen::Index>(at.size());
  vertex.runs = static_cast<int>(count);
  vertex.enough_runs = dimension > 0 && count >= terms + 2;
  if (!vertex.enough_runs) {
    return vertex;
  }
  Eigen::VectorXd middle = Eigen::VectorXd::Zero(dimension);
  Eigen::VectorXd low = Eigen::VectorXd::Constant(dimension, std::numeric_limits<double>::infinity());
  Eigen::VectorXd high = -low;
  Eigen::MatrixXd points(count, dimension);
  for (Eigen::Index i = 0; i < count; ++i) {
    for (Eigen::Index k = 0; k < dimension; ++k) {
      points(i, k) = at[static_cast<std::size_t>(i)][axes[static_cast<std::size_t>(k)]];
    }
    middle += points.row(i).transpose() / static_cast<double>(count);
    low = low.cwiseMin(points.row(i).transpose());
    high = high.cwiseMax(points.row(i).transpose());
  }
  Eigen::MatrixXd design(count, terms);
  Eigen::VectorXd target(count);
  for (Eigen::Index i = 0; i < count; ++i) {
    const Eigen::VectorXd p = points.row(i).transpose() - middle;
    Eigen::Index column = 0;
    design(i, column++) = 1;
    for (Eigen::Index k = 0; k < dimension; ++k) {
      design(i, column++) = p[k];
    }
    for (Eigen::Index k = 0; k < dimension; ++k) {
      for (Eigen::Index j = k; j < dimension; ++j) {
        design(i, column++) = p[k] * p[j] * (j == k ? 0.5 : 1);
      }
    }
    target[i] = log_loss[static_cast<std::size_t>(i)];
  }
  Eigen::VectorXd root_weight = Eigen::VectorXd::Ones(count);
  Eigen::VectorXd coefficients;
  for (int pass = 0; pass < kReweightings; ++pass) {
    const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(root_weight.asDiagonal() * design);
    if (qr.rank() < terms) {
      return vertex;
    }
    coefficients = qr.solve(root_weight.asDiagonal() * target);
    const Eigen::VectorXd residual = (target - design * coefficients).cwiseAbs();
    root_weight = (kHuberScale / residual.array().max(kHuberScale)).sqrt();
  }
  Eigen::MatrixXd hessian(dimension, dimension);
  Eigen::Index column = 1 + dimension;
  for (Eigen::Index k = 0; k < dimension; ++k) {
    for (Eigen::Index j = k; j < dimension; ++j) {
      hessian(k, j) = hessian(j, k) = coefficients[column++];
    }
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(hessian);
  vertex.weakest_curvature = eigen.eigenvalues().minCoeff();
  vertex.has_minimum = vertex.weakest_curvature > 0;
  if (!vertex.has_minimum) {
    return vertex;
  }
  const Eigen::VectorXd bottom =
      middle - eigen.eigenvectors() * eigen.eigenvalues().cwiseInverse().asDiagonal() *
                   eigen.eigenvectors().transpose() * coefficients.segment(1, dimension);
  vertex.inside = ((bottom - low).array() >= 0).all() && ((high - bottom).array() >= 0).all();
  for (Eigen::Index k = 0; k < dimension; ++k) {
    vertex.at[axes[static_cast<std::size_t>(k)]] = bottom[k];
  }
  vertex.best_inside =
      (!swept(cell.rates) || best->rate_level < 0 ||
       (best->rate_level != cell.rates.lowest && best->rate_level != cell.rates.highest)) &&
      (!swept(cell.batches) || best->batch_level < 0 ||
       (best->batch_level != cell.batches.lowest && best->batch_level != cell.batches.highest));
  return vertex;
}

}  // namespace sextant::fitting::optimum
