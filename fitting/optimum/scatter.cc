// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/scatter.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "fitting/optimum/law_basis.h"
#include "fitting/optimum/population.h"

namespace sextant::fitting::optimum {
namespace {

constexpr double kValleyCorrelation = 0.7;
/// Half of the prior lies below a tenth of the rate steps that sweeps take: weak beside a handful of cells.
constexpr double kScatterScale = 0.025;
/// Deviations tried, in natural logarithms: each stands for the interval up to halfway to its neighbours.
constexpr std::array<double, 10> kScatters = {0, 0.015, 0.03, 0.05, 0.08, 0.12, 0.18, 0.27, 0.4, 0.6};

/// Prior probability of each grid point: half-Cauchy mass of its interval.
std::array<double, kScatters.size()> PriorMass() {
  std::array<double, kScatters.size()> mass{};
  double below = 0;
  for (std::size_t i = 0; i < kScatters.size(); ++i) {
    const double end = i + 1 < kScatters.size() ? 0.5 * (kScatters[i] + kScatters[i + 1]) : kScatters[i];
    const double cumulative = std::atan(end / kScatterScale);
    mass[i] = cumulative - below;
    below = cumulative;
  }
  return mass;
}

/// Optima of one axis as a linear model with known measurement variances.
struct AxisModel {
  Eigen::MatrixXd design;       ///< 1, then the law's variables about their means
  Eigen::VectorXd optimum;      ///< ln, about its mean
  Eigen::VectorXd measured;     ///< variance of each
  Eigen::MatrixXd same_model;   ///< 1 where two cells share an N
  Eigen::MatrixXd precision;    ///< of the exponents' priors
  Eigen::VectorXd prior_slope;  ///< precision times the priors' means

  double MinusLogLikelihood(double cell, double model) const {
    Eigen::MatrixXd covariance = model * model * same_model;
    // A floor for optima that are measured perfectly.
    covariance.diagonal().array() += measured.array() + cell * cell + 1e-6;
    const Eigen::LLT<Eigen::MatrixXd> cholesky(covariance);
    const Eigen::MatrixXd solved = cholesky.solve(design);
    const Eigen::MatrixXd normal = design.transpose() * solved + precision;
    const Eigen::VectorXd right = solved.transpose() * optimum + prior_slope;
    const Eigen::LLT<Eigen::MatrixXd> normal_cholesky(normal);
    return cholesky.matrixLLT().diagonal().array().log().sum() +
           normal_cholesky.matrixLLT().diagonal().array().log().sum() +
           0.5 * (optimum.dot(cholesky.solve(optimum)) - right.dot(normal_cholesky.solve(right)));
  }
};

AxisModel MakeModel(const std::vector<SurfaceCell>& cells, const std::vector<MeasuredOptimum>& optima,
                    LawVariables variables, int axis, bool partner_free, double tolerance) {
  const auto count = static_cast<Eigen::Index>(cells.size());
  const auto columns = static_cast<Eigen::Index>(LawParameterNames(variables).size());
  AxisModel model{Eigen::MatrixXd::Ones(count, columns),
                  Eigen::VectorXd(count),
                  Eigen::VectorXd(count),
                  Eigen::MatrixXd::Zero(count, count),
                  Eigen::MatrixXd::Zero(columns, columns),
                  Eigen::VectorXd::Zero(columns)};
  for (Eigen::Index c = 0; c < count; ++c) {
    const SurfaceCell& cell = cells[static_cast<std::size_t>(c)];
    const MeasuredOptimum& optimum = optima[static_cast<std::size_t>(c)];
    const LogVariables at = LawLogVariables(variables, cell.log_params, cell.log_tokens);
    for (Eigen::Index k = 1; k < columns; ++k) {
      model.design(c, k) = at.x[static_cast<std::size_t>(k - 1)];
    }
    model.optimum[c] = optimum.at[axis];
    model.measured[c] = optimum.covariance(axis, axis);
  }
  for (Eigen::Index k = 1; k < columns; ++k) {
    model.design.col(k).array() -= model.design.col(k).mean();
  }
  model.optimum.array() -= model.optimum.mean();
  for (Eigen::Index i = 0; i < count; ++i) {
    for (Eigen::Index j = 0; j < count; ++j) {
      const double apart =
          cells[static_cast<std::size_t>(i)].log_params - cells[static_cast<std::size_t>(j)].log_params;
      model.same_model(i, j) = std::abs(apart) <= std::log1p(tolerance);
    }
  }
  const OptimumTarget target = axis == 0 ? OptimumTarget::kLearningRate : OptimumTarget::kBatchSizeTokens;
  for (const ExponentPopulation& prior : ExponentPopulations(target, variables, partner_free)) {
    Eigen::VectorXd weights = Eigen::VectorXd::Zero(columns);
    for (Eigen::Index k = 1; k < columns; ++k) {
      weights[k] = prior.weights[static_cast<std::size_t>(k - 1)] / prior.deviation;
    }
    model.precision += weights * weights.transpose();
    model.prior_slope += weights * prior.mean / prior.deviation;
  }
  return model;
}

}  // namespace

Eigen::Matrix2d AlongValley(const Eigen::Vector2d& deviations) {
  Eigen::Matrix2d covariance = deviations * deviations.transpose();
  covariance(0, 1) *= kValleyCorrelation;
  covariance(1, 0) *= kValleyCorrelation;
  return covariance;
}

ScatterPosterior::ScatterPosterior(const std::vector<SurfaceCell>& cells,
                                   const std::vector<MeasuredOptimum>& optima, const RegretLaws& laws,
                                   Axes axes, double grouping_tolerance) {
  const std::array<double, kScatters.size()> mass = PriorMass();
  for (int axis = 0; axis < 2; ++axis) {
    if (axis == 0 ? !axes.rate : !axes.batch) {
      continue;
    }
    const AxisModel model = MakeModel(cells, optima, axis == 0 ? laws.rate_variables : laws.batch_variables,
                                      axis, axes.rate && axes.batch, grouping_tolerance);
    std::vector<Point>& points = axes_[static_cast<std::size_t>(axis)];
    std::vector<double> minus_log;
    for (std::size_t i = 0; i < kScatters.size(); ++i) {
      for (std::size_t j = 0; j < kScatters.size(); ++j) {
        points.push_back({kScatters[i], kScatters[j], 0});
        minus_log.push_back(model.MinusLogLikelihood(kScatters[i], kScatters[j]) -
                            std::log(mass[i] * mass[j]));
      }
    }
    const double least = *std::min_element(minus_log.begin(), minus_log.end());
    double sum = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      sum += std::exp(least - minus_log[i]);
      points[i].cumulative = sum;
    }
    for (Point& point : points) {
      point.cumulative /= sum;
    }
  }
}

AxisScatter ScatterPosterior::Draw(RandomStream& random) const {
  AxisScatter drawn;
  for (int axis = 0; axis < 2; ++axis) {
    const double at = random.Uniform();
    const std::vector<Point>& points = axes_[static_cast<std::size_t>(axis)];
    const auto it = std::find_if(points.begin(), points.end(),
                                 [at](const Point& point) { return point.cumulative >= at; });
    if (it != points.end()) {
      drawn.cell[axis] = it->cell;
      drawn.model[axis] = it->model;
    }
  }
  return drawn;
}

}  // namespace sextant::fitting::optimum
