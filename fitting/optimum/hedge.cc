// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/hedge.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace sextant::fitting::optimum {
namespace {

constexpr double kReferenceLogDistance = 1.0;
constexpr double kParamsExponentDeviation = 0.3;
constexpr double kTokensExponentDeviation = 0.2;
constexpr double kShrinkage = 2.0;
/// Share of the scatter within an N that the cells' own uncertainty may explain away. First order overstates
/// the uncertainty of a minimum, so not all of it is taken off.
constexpr double kMeasuredShare = 0.5;

/// Index of each cell's N among the distinct N.
std::vector<std::size_t> ModelOfCell(const std::vector<CellProcess>& cells, double tolerance) {
  std::map<double, std::size_t> models;
  for (const CellProcess& cell : cells) {
    const auto it = models.lower_bound(cell.log_params() - std::log1p(tolerance));
    if (it == models.end() || it->first > cell.log_params() + std::log1p(tolerance)) {
      models.emplace(cell.log_params(), 0);
    }
  }
  std::vector<std::size_t> index;
  for (const CellProcess& cell : cells) {
    const auto it = models.lower_bound(cell.log_params() - std::log1p(tolerance));
    index.push_back(static_cast<std::size_t>(std::distance(models.begin(), it)));
  }
  return index;
}

}  // namespace

Eigen::Matrix2d Scatter::Covariance(double deviation, Axes axes) const {
  Eigen::Matrix2d covariance;
  covariance << 1, correlation, correlation, 1;
  if (!axes.rate || !axes.batch) {
    covariance(0, 1) = covariance(1, 0) = 0;
    covariance(0, 0) = axes.rate ? 1 : 0;
    covariance(1, 1) = axes.batch ? 1 : 0;
  }
  return deviation * deviation * covariance;
}

Scatter EstimateScatter(const std::vector<CellProcess>& cells, const std::vector<Eigen::Vector2d>& residuals,
                        Axes axes, double grouping_tolerance) {
  Scatter scatter;
  const std::vector<std::size_t> model = ModelOfCell(cells, grouping_tolerance);
  const std::size_t models = *std::max_element(model.begin(), model.end()) + 1;
  std::vector<Eigen::Vector2d> mean(models, Eigen::Vector2d::Zero());
  std::vector<double> count(models, 0);
  for (std::size_t c = 0; c < cells.size(); ++c) {
    mean[model[c]] += residuals[c];
    count[model[c]] += 1;
  }
  double within = 0;
  double measured = 0;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    measured +=
        cells[c].OptimumCovariance(cells[c].centre(), axes).trace() / static_cast<double>(cells.size());
    within += (residuals[c] - mean[model[c]] / count[model[c]]).squaredNorm();
  }
  const double axis_count = (axes.rate ? 1 : 0) + (axes.batch ? 1 : 0);
  // The law's slopes followed the residuals: one degree of freedom within an N, two between them.
  const double within_freedom = std::max(0.0, static_cast<double>(cells.size() - models) - 1);
  const double own = std::max(0.0, within - kMeasuredShare * measured * within_freedom) / axis_count;
  scatter.cell = std::sqrt((kShrinkage * scatter.cell * scatter.cell + own) / (kShrinkage + within_freedom));
  double between = 0;
  for (std::size_t m = 0; m < models; ++m) {
    between += (mean[m] / count[m]).squaredNorm() / axis_count;
  }
  const double between_freedom = std::max(0.0, static_cast<double>(models) - 2);
  scatter.model =
      std::sqrt((kShrinkage * scatter.model * scatter.model + between) / (kShrinkage + between_freedom));
  return scatter;
}

Eigen::Matrix2d ReferenceSpread(const std::vector<CellProcess>& cells, const Scatter& scatter, Axes axes,
                                double grouping_tolerance) {
  const auto count = static_cast<Eigen::Index>(cells.size());
  const std::vector<std::size_t> model = ModelOfCell(cells, grouping_tolerance);
  Eigen::MatrixX3d design(count, 3);
  double n_mean = 0;
  double d_mean = 0;
  double n_high = -std::numeric_limits<double>::infinity();
  double d_high = n_high;
  for (const CellProcess& cell : cells) {
    n_mean += cell.log_params() / static_cast<double>(count);
    d_mean += cell.log_tokens() / static_cast<double>(count);
    n_high = std::max(n_high, cell.log_params());
    d_high = std::max(d_high, cell.log_tokens());
  }
  Eigen::MatrixXd covariance(count, count);
  for (Eigen::Index i = 0; i < count; ++i) {
    const CellProcess& cell = cells[static_cast<std::size_t>(i)];
    design.row(i) << 1, cell.log_params() - n_mean, cell.log_tokens() - d_mean;
    for (Eigen::Index j = 0; j < count; ++j) {
      const bool same = model[static_cast<std::size_t>(i)] == model[static_cast<std::size_t>(j)];
      covariance(i, j) =
          (i == j ? scatter.cell * scatter.cell : 0) + (same ? scatter.model * scatter.model : 0);
    }
  }
  Eigen::Matrix3d precision = design.transpose() * covariance.llt().solve(design);
  precision(1, 1) += 1 / (kParamsExponentDeviation * kParamsExponentDeviation);
  precision(2, 2) += 1 / (kTokensExponentDeviation * kTokensExponentDeviation);
  const Eigen::Vector3d reference(1, n_high + kReferenceLogDistance - n_mean,
                                  d_high + kReferenceLogDistance - d_mean);
  const double variance = reference.dot(precision.llt().solve(reference)) + scatter.cell * scatter.cell +
                          scatter.model * scatter.model;
  return scatter.Covariance(std::sqrt(variance), axes);
}

}  // namespace sextant::fitting::optimum
