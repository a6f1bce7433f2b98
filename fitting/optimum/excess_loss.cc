// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/excess_loss.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>
#include <vector>

namespace sextant::fitting::optimum {
namespace {

constexpr double kLossWindow = 1.06;
constexpr int kGridPoints = 161;
/// The spline costs the cube of this; sweeps hold about a hundred runs a cell.
constexpr std::size_t kMostPoints = 600;

}  // namespace

std::optional<CellScorer> CellScorer::Make(const Cell& cell) {
  // Runs at one (rate, batch) are averaged first.
  std::map<std::pair<double, double>, std::pair<double, int>> merged;
  for (const CellRun& run : cell.runs) {
    auto& [sum, count] = merged[{run.log_rate, run.log_batch}];
    sum += run.loss;
    ++count;
  }
  double best = std::numeric_limits<double>::infinity();
  for (const auto& [at, sum] : merged) {
    best = std::min(best, sum.first / sum.second);
  }
  std::vector<std::pair<Eigen::Vector2d, double>> near;
  for (const auto& [at, sum] : merged) {
    const double loss = sum.first / sum.second;
    if (loss < best * kLossWindow && std::isfinite(at.first) && std::isfinite(at.second)) {
      near.emplace_back(Eigen::Vector2d(at.first, at.second), std::log(loss));
    }
  }
  if (near.size() < 6) {
    return std::nullopt;
  }
  if (near.size() > kMostPoints) {
    std::stable_sort(near.begin(), near.end(),
                     [](const auto& a, const auto& b) { return a.second < b.second; });
    near.resize(kMostPoints);
  }
  const auto count = static_cast<Eigen::Index>(near.size());
  Eigen::Matrix2Xd points(2, count);
  Eigen::VectorXd values(count);
  for (Eigen::Index i = 0; i < count; ++i) {
    points.col(i) = near[static_cast<std::size_t>(i)].first;
    values[i] = near[static_cast<std::size_t>(i)].second;
  }
  const Eigen::VectorXd weight = (-(values.array() - values.minCoeff()) / 0.01).exp();
  const int degree = count > 12 ? 2 : 1;
  std::optional<ThinPlateSpline> surface;
  double best_error = std::numeric_limits<double>::infinity();
  for (const double smoothing : {0.03, 0.1, 0.3, 1.0, 3.0}) {
    ThinPlateSpline candidate(points, values, degree, smoothing);
    if (!candidate.valid()) {
      continue;
    }
    const double error = weight.dot(candidate.left_out_residuals().cwiseAbs2()) / weight.sum();
    if (error < best_error) {
      best_error = error;
      surface = std::move(candidate);
    }
  }
  if (!surface) {
    return std::nullopt;
  }
  const ConvexHull hull(points);
  const Eigen::Vector2d low = points.rowwise().minCoeff();
  const Eigen::Vector2d step = (points.rowwise().maxCoeff() - low) / (kGridPoints - 1);
  double lowest = std::numeric_limits<double>::infinity();
  Eigen::Vector2d optimum = Eigen::Vector2d::Zero();
  for (int j = 0; j < kGridPoints; ++j) {
    for (int i = 0; i < kGridPoints; ++i) {
      const Eigen::Vector2d at = low + Eigen::Vector2d(i * step[0], j * step[1]);
      if (!hull.Contains(at)) {
        continue;
      }
      const double value = (*surface)(at);
      if (value < lowest) {
        lowest = value;
        optimum = at;
      }
    }
  }
  if (!std::isfinite(lowest)) {
    return std::nullopt;
  }
  return CellScorer(*std::move(surface), optimum, lowest, low, points.rowwise().maxCoeff());
}

double CellScorer::ExcessPercent(const Eigen::Vector2d& at) const {
  return 100 * std::expm1(surface_(at) - lowest_);
}

double CellScorer::ExcessWithinRuns(const Eigen::Vector2d& at) const {
  const double excess = ExcessPercent(at);
  return excess >= 0 ? excess : std::max(0.0, ExcessPercent(at.cwiseMax(low_).cwiseMin(high_)));
}

std::optional<AxisScorer> AxisScorer::Make(const Cell& cell, OptimumTarget axis) {
  std::vector<std::pair<double, double>> near;  // ln value, ln loss
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  std::vector<double> distinct;
  for (const CellRun& run : cell.runs) {
    const double value = axis == OptimumTarget::kLearningRate ? run.log_rate : run.log_batch;
    if (run.loss < cell.best_loss() * kLossWindow && std::isfinite(value)) {
      near.emplace_back(value, std::log(run.loss));
      low = std::min(low, value);
      high = std::max(high, value);
      distinct.push_back(value);
    }
  }
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  if (distinct.size() < 4) {
    return std::nullopt;
  }
  const double middle = 0.5 * (low + high);
  const double best = std::log(cell.best_loss());
  Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero();
  for (const auto& [value, log_loss] : near) {
    const Eigen::Vector3d row(1, value - middle, (value - middle) * (value - middle));
    const double weight = std::exp(-(log_loss - best) / 0.01);
    normal += weight * row * row.transpose();
    right += weight * row * log_loss;
  }
  const Eigen::Vector3d quadratic = normal.ldlt().solve(right);
  const double optimum = middle - quadratic[1] / (2 * quadratic[2]);
  if (!(quadratic[2] > 0) || optimum < low || optimum > high) {
    return std::nullopt;
  }
  return AxisScorer(optimum, quadratic[2], quadratic[0] - quadratic[1] * quadratic[1] / (4 * quadratic[2]));
}

double AxisScorer::ExcessPercent(double log_value) const {
  return 100 * std::expm1(curvature_ * (log_value - optimum_) * (log_value - optimum_));
}

}  // namespace sextant::fitting::optimum
