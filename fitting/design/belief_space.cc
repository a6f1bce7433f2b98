// SPDX-License-Identifier: Apache-2.0
#include "fitting/design/belief_space.h"

#include <cmath>
#include <utility>

namespace sextant::fitting::design {
namespace {

constexpr double kSameModel = 0.003;  ///< in ln N
/// Deviations of optima from log-linear laws: of all cells of one N, and of one cell. Recorded sweeps
/// (fitting/optimum/scatter.h) show 0.05 to 0.2 of each; rate and batch deviate together, along the valley.
constexpr double kModelDeviation = 0.2, kCellDeviation = 0.2, kTogether = 0.5;
/// A level is whatever the cell's runs say: 1 is a factor of e in the loss.
constexpr double kLevelVariance = 1;

}  // namespace

Eigen::Matrix2d Curvature::Matrix() const {
  const double cross = -correlation * std::sqrt(rate * batch);
  return (Eigen::Matrix2d() << rate, cross, cross, batch).finished();
}

double Dot(const SparseRow& row, const Eigen::VectorXd& vector) {
  double sum = 0;
  for (std::size_t i = 0; i < row.at.size(); ++i) sum += row.value[i] * vector[row.at[i]];
  return sum;
}

BeliefSpace::BeliefSpace(const Prior& prior, const Scale& centre, std::vector<Scale> cells)
    : centre_(centre), cells_(std::move(cells)) {
  std::vector<double> models;
  for (const Scale& cell : cells_) {
    std::size_t model = 0;
    while (model < models.size() && std::fabs(models[model] - cell.log_params) > kSameModel) ++model;
    if (model == models.size()) models.push_back(cell.log_params);
    model_of_.push_back(model);
  }
  models_ = models.size();
  const auto size = static_cast<Eigen::Index>(6 + 2 * models_ + 3 * cells_.size());
  mean_ = Eigen::VectorXd::Zero(size);
  mean_.head<6>() = prior.mean;
  covariance_ = Eigen::MatrixXd::Zero(size, size);
  covariance_.topLeftCorner<6, 6>() = prior.covariance;
  const auto deviate = [&](Eigen::Index at, double deviation) {
    covariance_(at, at) = covariance_(at + 1, at + 1) = deviation * deviation;
    covariance_(at, at + 1) = covariance_(at + 1, at) = kTogether * deviation * deviation;
  };
  for (std::size_t m = 0; m < models_; ++m) deviate(static_cast<Eigen::Index>(6 + 2 * m), kModelDeviation);
  for (std::size_t c = 0; c < cells_.size(); ++c) {
    deviate(static_cast<Eigen::Index>(6 + 2 * models_ + 2 * c), kCellDeviation);
    const auto level = static_cast<Eigen::Index>(6 + 2 * models_ + 2 * cells_.size() + c);
    covariance_(level, level) = kLevelVariance;
  }
}

SparseRow BeliefSpace::OptimumRow(std::size_t cell, int quantity) const {
  const Eigen::Index q = quantity;
  SparseRow row;
  row.at = {3 * q, 3 * q + 1, 3 * q + 2, static_cast<Eigen::Index>(6 + 2 * model_of_[cell]) + q,
            static_cast<Eigen::Index>(6 + 2 * models_ + 2 * cell) + q};
  row.value = {1, cells_[cell].log_params - centre_.log_params, cells_[cell].log_tokens - centre_.log_tokens,
               1, 1};
  return row;
}

SparseRow BeliefSpace::RunRow(std::size_t cell, const Eigen::Vector2d& at,
                              const Eigen::Matrix2d& curvature) const {
  const Eigen::Vector2d pull = -(curvature * at);
  SparseRow row;
  for (const int q : {0, 1}) {
    const SparseRow optimum = OptimumRow(cell, q);
    row.at.insert(row.at.end(), optimum.at.begin(), optimum.at.end());
    for (const double value : optimum.value) row.value.push_back(pull[q] * value);
  }
  row.at.push_back(static_cast<Eigen::Index>(6 + 2 * models_ + 2 * cells_.size() + cell));
  row.value.push_back(1);
  return row;
}

Eigen::Vector2d BeliefSpace::OptimumMean(std::size_t cell) const {
  return {Dot(OptimumRow(cell, 0), mean_), Dot(OptimumRow(cell, 1), mean_)};
}

Eigen::Matrix2d BeliefSpace::OptimumCovariance(std::size_t cell) const {
  const SparseRow rate = OptimumRow(cell, 0), batch = OptimumRow(cell, 1);
  const Eigen::VectorXd times_batch = Times(batch);
  const double both = Dot(rate, times_batch);
  return (Eigen::Matrix2d() << Variance(rate), both, both, Dot(batch, times_batch)).finished();
}

Eigen::VectorXd BeliefSpace::Times(const SparseRow& row) const {
  Eigen::VectorXd product = Eigen::VectorXd::Zero(size());
  for (std::size_t i = 0; i < row.at.size(); ++i) product += row.value[i] * covariance_.col(row.at[i]);
  return product;
}

double BeliefSpace::Variance(const SparseRow& row) const {
  double sum = 0;
  for (std::size_t i = 0; i < row.at.size(); ++i) {
    for (std::size_t j = 0; j < row.at.size(); ++j) {
      sum += row.value[i] * row.value[j] * covariance_(row.at[i], row.at[j]);
    }
  }
  return sum;
}

void BeliefSpace::Observe(const SparseRow& row, double value, double variance) {
  const Eigen::VectorXd gain = Times(row);
  const double total = Dot(row, gain) + variance;
  mean_ += gain * ((value - Dot(row, mean_)) / total);
  covariance_.noalias() -= gain * gain.transpose() / total;
}

void BeliefSpace::Expect(const SparseRow& row, double variance) {
  const Eigen::VectorXd gain = Times(row);
  covariance_.noalias() -= gain * gain.transpose() / (Dot(row, gain) + variance);
}

}  // namespace sextant::fitting::design
