// SPDX-License-Identifier: Apache-2.0
#include "fitting/comparison/conditional_law.h"

#include <Eigen/Cholesky>
#include <cmath>
#include <limits>

namespace sextant::fitting::comparison {
namespace {

/// A and B of the surface, each a share of the reducible loss: published splits lie between 0.2 and 0.8
/// (Hoffmann et al. 2022, Besiroglu et al. 2024), and their exponents between 0.28 and 0.52.
constexpr double kShareDeviation = 1.5;
constexpr NormalPrior kSurfaceExponent = {0.37, 0.2};
constexpr double kLeastExponent = 1e-3;

// ln of the reducible loss at a point, with its derivatives.
double LogReducible(LawForm form, const Eigen::VectorXd& p, const LawPoint& point,
                    Eigen::VectorXd& gradient) {
  const double b = point.second ? 1 : 0;
  gradient.setZero(p.size());
  if (form == LawForm::kPower) {
    gradient << 1 - b, b, -point.log_compute, -b * point.log_compute;
    return gradient.dot(p);
  }
  const double model = p[0] - p[2] * point.log_params, data = p[1] - p[3] * point.log_tokens;
  const double top = std::max(model, data);
  const double total = top + std::log(std::exp(model - top) + std::exp(data - top));
  const double share = std::exp(model - total);
  gradient << share, 1 - share, -share * point.log_params, -(1 - share) * point.log_tokens, b,
      b * point.log_compute;
  return total + b * (p[4] + p[5] * point.log_compute);
}

struct Priors {
  Eigen::VectorXd mean, precision;
};

Priors PriorsOf(const ConditionalProblem& problem, double log_reducible) {
  const auto precision = [](const NormalPrior& prior) { return 1 / (prior.deviation * prior.deviation); };
  const auto size = static_cast<Eigen::Index>(ParameterCount(problem.form));
  Priors priors{Eigen::VectorXd::Zero(size), Eigen::VectorXd::Constant(size, 1e-10)};
  if (problem.form == LawForm::kPower) {
    priors.mean[2] = problem.exponent.mean;
    priors.precision[2] = precision(problem.exponent);
    priors.mean[3] = problem.drift.mean;
    priors.precision[3] = precision(problem.drift);
    return priors;
  }
  const double half = log_reducible - std::log(2.0);
  priors.mean << half, half, kSurfaceExponent.mean, kSurfaceExponent.mean, 0, -problem.drift.mean;
  priors.precision[0] = priors.precision[1] = 1 / (kShareDeviation * kShareDeviation);
  priors.precision[2] = priors.precision[3] = precision(kSurfaceExponent);
  priors.precision[5] = precision(problem.drift);
  return priors;
}

struct Normal {
  Eigen::MatrixXd information;
  Eigen::VectorXd gradient;
  double sum_squares = 0;
};

Normal Assemble(const ConditionalProblem& problem, const std::vector<double>& target,
                const std::vector<double>& weight, const Eigen::VectorXd& p) {
  Normal normal{Eigen::MatrixXd::Zero(p.size(), p.size()), Eigen::VectorXd::Zero(p.size())};
  Eigen::VectorXd row(p.size());
  for (std::size_t i = 0; i < target.size(); ++i) {
    const double residual = target[i] - LogReducible(problem.form, p, problem.points[i], row);
    normal.information.noalias() += weight[i] * row * row.transpose();
    normal.gradient.noalias() += weight[i] * residual * row;
    normal.sum_squares += weight[i] * residual * residual;
  }
  return normal;
}

}  // namespace

std::size_t ParameterCount(LawForm form) { return form == LawForm::kPower ? 4 : 6; }

ConditionalFit FitGivenFloors(const ConditionalProblem& problem, double floor_a, double floor_b) {
  ConditionalFit fit;
  std::vector<double> target, weight;
  double mean = 0;
  for (const LawPoint& point : problem.points) {
    const double reducible = point.loss - (point.second ? floor_b : floor_a);
    if (!(reducible > 1e-6 * point.loss)) return fit;
    target.push_back(std::log(reducible));
    // A deviation s of ln L is s L / (L - E) of ln(L - E).
    weight.push_back(point.weight * (reducible / point.loss) * (reducible / point.loss));
    mean += target.back() / static_cast<double>(problem.points.size());
  }
  const Priors priors = PriorsOf(problem, mean);
  const double variance = problem.variance;
  fit.mean = priors.mean;
  if (problem.form == LawForm::kPower) fit.mean[0] = fit.mean[1] = mean;
  const auto cost = [&](const Normal& normal, const Eigen::VectorXd& p) {
    const Eigen::VectorXd off = p - priors.mean;
    return normal.sum_squares / variance + off.dot(priors.precision.cwiseProduct(off));
  };
  Normal normal = Assemble(problem, target, weight, fit.mean);
  double damping = 0;
  for (int iteration = 0; iteration < 60; ++iteration) {
    Eigen::MatrixXd matrix = normal.information / variance;
    matrix.diagonal() += priors.precision + damping * matrix.diagonal();
    const Eigen::VectorXd slope =
        normal.gradient / variance - priors.precision.cwiseProduct(fit.mean - priors.mean);
    const Eigen::VectorXd step = matrix.ldlt().solve(slope);
    if (!step.allFinite()) return fit;
    const Eigen::VectorXd next = fit.mean + step;
    Normal there = Assemble(problem, target, weight, next);
    const double before = cost(normal, fit.mean), after = cost(there, next);
    if (after <= before + 1e-12 * std::fabs(before)) {
      fit.mean = next;
      normal = std::move(there);
      damping = damping > 1e-6 ? damping / 10 : 0;
      if (before - after <= 1e-10 * (1 + before)) break;
    } else {
      damping = damping > 0 ? damping * 10 : 1e-3;
      if (damping > 1e8) break;
    }
  }
  fit.information = normal.information;
  fit.prior = priors.precision;
  fit.sum_squares = normal.sum_squares;
  fit.ok = std::isfinite(fit.sum_squares);
  return fit;
}

double LawPair::LossA(double log_compute) const {
  return floor_a + std::exp(log_reducible_a - exponent_a * log_compute);
}

double LawPair::LossB(double log_compute) const {
  return floor_b + std::exp(log_reducible_b - exponent_b * log_compute);
}

double LawPair::LogMultiplier(double log_compute) const {
  const double reducible = LossB(log_compute) - floor_a;
  if (!(reducible > 0)) return std::numeric_limits<double>::infinity();
  return (log_reducible_a - std::log(reducible)) / exponent_a - log_compute;
}

double LawPair::LogTokenMultiplier() const {
  const double data = std::exp(log_reducible_a) * data_share;
  const double needed = LossB(0) - floor_a - (std::exp(log_reducible_a) - data);
  if (!(needed > 0)) return std::numeric_limits<double>::infinity();
  return std::log(data / needed) / data_exponent;
}

LawPair ToLawPair(LawForm form, const Eigen::VectorXd& p, double floor_a, double floor_b) {
  LawPair pair;
  pair.floor_a = floor_a;
  pair.floor_b = floor_b;
  if (form == LawForm::kPower) {
    pair.log_reducible_a = p[0];
    pair.log_reducible_b = p[1];
    pair.exponent_a = std::max(kLeastExponent, p[2]);
    pair.exponent_b = std::max(kLeastExponent, p[2] + p[3]);
    pair.data_exponent = pair.exponent_a;
    return pair;
  }
  const double a = std::max(kLeastExponent, p[2]), b = std::max(kLeastExponent, p[3]);
  const double top = std::max(p[0], p[1]);
  pair.log_reducible_a = top + std::log(std::exp(p[0] - top) + std::exp(p[1] - top));
  pair.log_reducible_b = pair.log_reducible_a + p[4];
  // Along the path of best compute the reducible loss falls as C^(-ab/(a+b)) (Hoffmann et al. 2022, equation
  // 4).
  pair.exponent_a = a * b / (a + b);
  pair.exponent_b = std::max(kLeastExponent, pair.exponent_a - p[5]);
  pair.data_share = std::exp(p[1] - pair.log_reducible_a);
  pair.data_exponent = b;
  return pair;
}

}  // namespace sextant::fitting::comparison
