// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/hierarchical.h"

#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>

#include "fitting/optimum/law_basis.h"
#include "fitting/optimum/population.h"

namespace sextant::fitting::optimum {
namespace {

constexpr double kDeviationCorrelation = 0.7;
/// Half of the prior of a deviation lies below a tenth of the rate steps that sweeps take.
constexpr double kDeviationScale = 0.06;
constexpr std::array<double, 8> kDeviations = {0, 0.02, 0.04, 0.07, 0.11, 0.17, 0.26, 0.4};
/// Multiples of the population's spread, with weights: near a Student-t of four degrees of freedom. Half as
/// wide again as published exponents lie apart: on the recorded sweeps of optimum_generalization_bench the
/// likelihood of held-out optima and their excess loss are the better for it, whichever sweep is left out.
struct Weighted {
  double value, weight;
};
constexpr std::array<Weighted, 3> kUnusual = {{{1.2, 0.6}, {2.4, 0.3}, {5.2, 0.1}}};
/// Standard deviations of the bends, per squared natural logarithm.
constexpr std::array<Weighted, 4> kBending = {{{0.001, 0.4}, {0.01, 0.3}, {0.03, 0.2}, {0.08, 0.1}}};
constexpr double kLevelDeviation = 5;
/// Cells deviate as Student-t does, of this many degrees of freedom; rounds of reweighting.
constexpr double kCellFreedom = 4;
constexpr int kReweightRounds = 2;

std::array<double, kDeviations.size()> DeviationMass() {
  std::array<double, kDeviations.size()> mass{};
  double below = 0;
  for (std::size_t i = 0; i < kDeviations.size(); ++i) {
    const double end =
        i + 1 < kDeviations.size() ? 0.5 * (kDeviations[i] + kDeviations[i + 1]) : kDeviations[i];
    mass[i] = std::atan(end / kDeviationScale) - below;
    below += mass[i];
  }
  return mass;
}

}  // namespace

double Bend::Value(const LogVariables& at) const {
  const double x = at.x[0] - centre[0], y = at.x[1] - centre[1];
  return quadratic[0] * x * x + quadratic[1] * x * y + quadratic[2] * y * y;
}

HierarchicalLaws::HierarchicalLaws(std::vector<CellEvidence> cells, const LawPair& variables, Axes axes,
                                   double grouping_tolerance)
    : variables_(variables), axes_(axes), tolerance_(grouping_tolerance) {
  valley_ << (axes.rate ? 1 : 0), (axes.rate && axes.batch ? kDeviationCorrelation : 0),
      (axes.rate && axes.batch ? kDeviationCorrelation : 0), (axes.batch ? 1 : 0);
  Centre(cells);
  for (int round = 0; round < kReweightRounds; ++round) {
    Fit(cells);
    LetGo(cells);
  }
  Fit(cells);
}

void HierarchicalLaws::LetGo(std::vector<CellEvidence>& cells) const {
  const double axes = (axes_.rate ? 1 : 0) + (axes_.batch ? 1 : 0);
  for (CellEvidence& cell : cells) {
    const Eigen::Matrix2d spread = deviation_ * valley_;
    const Eigen::Vector2d miss = cell.weighted - cell.information * Mean(cell.log_params, cell.log_tokens);
    // miss' (information + information spread information)^-1 miss, without inverting the information.
    const Eigen::Matrix2d widened = Eigen::Matrix2d::Identity() + cell.information * spread;
    const Eigen::Vector2d solved = widened.inverse() * miss;
    const Eigen::Vector2d place = cell.information.completeOrthogonalDecomposition().solve(solved);
    cell.spread = std::max(1.0, (kCellFreedom + miss.dot(place)) / (kCellFreedom + axes));
  }
}

void HierarchicalLaws::Fit(const std::vector<CellEvidence>& cells) {
  points_.clear();
  const std::array<double, kDeviations.size()> mass = DeviationMass();
  std::vector<double> minus_log;
  for (std::size_t i = 0; i < kDeviations.size(); ++i) {
    for (std::size_t j = 0; j < kDeviations.size(); ++j) {
      const Normal normal = Accumulate(cells, kDeviations[i], kDeviations[j]);
      for (const Weighted& unusual : kUnusual) {
        for (const Weighted& bending : kBending) {
          Matrix precision = normal.curvature;
          Vector slope = normal.slope;
          double half_log = 0;
          Prior(unusual.value, bending.value, precision, slope, half_log);
          Point point{kDeviations[i], kDeviations[j], 0, Vector::Zero(), Eigen::LLT<Matrix>(precision)};
          point.mean = point.precision.solve(slope);
          minus_log.push_back(normal.minus_log + half_log - 0.5 * slope.dot(point.mean) +
                              point.precision.matrixLLT().diagonal().array().log().sum() -
                              std::log(mass[i] * mass[j] * unusual.weight * bending.weight));
          points_.push_back(std::move(point));
        }
      }
    }
  }
  const double least = *std::min_element(minus_log.begin(), minus_log.end());
  double sum = 0;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    sum += std::exp(least - minus_log[i]);
    points_[i].cumulative = sum;
  }
  for (Point& point : points_) {
    point.cumulative /= sum;
  }
  Summarise();
}

void HierarchicalLaws::Centre(const std::vector<CellEvidence>& cells) {
  const double count = static_cast<double>(cells.size());
  Eigen::Matrix2d information = 1e-9 * Eigen::Matrix2d::Identity();
  Eigen::Vector2d weighted = Eigen::Vector2d::Zero();
  for (const CellEvidence& cell : cells) {
    information += cell.information;
    weighted += cell.weighted;
  }
  level_ = information.ldlt().solve(weighted);
  for (int axis = 0; axis < 2; ++axis) {
    std::array<double, 2>& centre = centre_[static_cast<std::size_t>(axis)];
    for (const CellEvidence& cell : cells) {
      const LogVariables at = LawLogVariables(variables_.of(axis), cell.log_params, cell.log_tokens);
      centre[0] += at.x[0] / count;
      centre[1] += at.x[1] / count;
    }
    // A bend is what the best power law over the cells leaves of a quadratic.
    Eigen::Matrix3d squares = Eigen::Matrix3d::Identity() * 1e-9;
    Eigen::Matrix3d products = Eigen::Matrix3d::Zero();
    straight_[static_cast<std::size_t>(axis)].setZero();
    for (const CellEvidence& cell : cells) {
      const std::array<double, kTerms> terms = Terms(axis, cell.log_params, cell.log_tokens);
      const Eigen::Vector3d law(terms[0], terms[1], terms[2]), bend(terms[3], terms[4], terms[5]);
      squares += law * law.transpose();
      products += law * bend.transpose();
    }
    straight_[static_cast<std::size_t>(axis)] = squares.ldlt().solve(products);
  }
}

std::array<double, HierarchicalLaws::kTerms> HierarchicalLaws::Terms(int axis, double log_params,
                                                                     double log_tokens) const {
  const LogVariables at = LawLogVariables(variables_.of(axis), log_params, log_tokens);
  const std::array<double, 2>& centre = centre_[static_cast<std::size_t>(axis)];
  const double x = at.x[0] - centre[0], y = at.count > 1 ? at.x[1] - centre[1] : 0;
  std::array<double, kTerms> terms = {1, x, y, x * x, x * y, y * y};
  const Eigen::Matrix3d& straight = straight_[static_cast<std::size_t>(axis)];
  for (int k = 0; k < 3; ++k) {
    terms[static_cast<std::size_t>(3 + k)] -= straight(0, k) + straight(1, k) * x + straight(2, k) * y;
  }
  return terms;
}

HierarchicalLaws::Row HierarchicalLaws::Design(double log_params, double log_tokens) const {
  Row row = Row::Zero();
  for (int axis = 0; axis < 2; ++axis) {
    if (axis == 0 ? axes_.rate : axes_.batch) {
      const std::array<double, kTerms> terms = Terms(axis, log_params, log_tokens);
      for (int k = 0; k < kTerms; ++k) {
        row(axis, axis * kTerms + k) = terms[static_cast<std::size_t>(k)];
      }
    }
  }
  return row;
}

HierarchicalLaws::Normal HierarchicalLaws::Accumulate(const std::vector<CellEvidence>& cells, double cell,
                                                      double model) const {
  Normal normal;
  const Eigen::Matrix2d shared = model * model * valley_;
  // Cells are in order of N; what those of one N share is integrated out at its end.
  Eigen::Matrix2d weight = Eigen::Matrix2d::Zero();
  Eigen::Vector2d target = Eigen::Vector2d::Zero();
  Row cross = Row::Zero();
  for (std::size_t c = 0; c < cells.size(); ++c) {
    const CellEvidence& evidence = cells[c];
    const Eigen::Vector2d weighted = evidence.weighted - evidence.information * level_;
    const Eigen::Matrix2d own = cell * cell * evidence.spread * valley_;
    const Eigen::Matrix2d widened = Eigen::Matrix2d::Identity() + evidence.information * own;
    const Eigen::Matrix2d inverse = widened.inverse();
    const Eigen::Matrix2d w = inverse * evidence.information;
    const Eigen::Vector2d wy = inverse * weighted;
    const Row x = Design(evidence.log_params, evidence.log_tokens);
    normal.minus_log += 0.5 * std::log(widened.determinant()) - 0.5 * weighted.dot(own * wy);
    const Row wx = w * x;
    normal.curvature += x.transpose() * wx;
    normal.slope += x.transpose() * wy;
    weight += w;
    target += wy;
    cross += wx;
    const bool last =
        c + 1 == cells.size() || cells[c + 1].log_params > evidence.log_params + std::log1p(tolerance_);
    if (last) {
      const Eigen::Matrix2d widen = Eigen::Matrix2d::Identity() + weight * shared;
      const Eigen::Matrix2d gain = shared * widen.inverse();
      normal.minus_log += 0.5 * std::log(widen.determinant()) - 0.5 * target.dot(gain * target);
      normal.curvature -= cross.transpose() * gain * cross;
      normal.slope -= cross.transpose() * gain * target;
      weight.setZero(), target.setZero(), cross.setZero();
    }
  }
  return normal;
}

void HierarchicalLaws::Prior(double unusual, double bending, Matrix& precision, Vector& slope,
                             double& half_log_determinant) const {
  for (int axis = 0; axis < 2; ++axis) {
    const int first = axis * kTerms;
    const OptimumTarget target = axis == 0 ? OptimumTarget::kLearningRate : OptimumTarget::kBatchSizeTokens;
    const bool swept = axis == 0 ? axes_.rate : axes_.batch;
    std::array<double, kTerms> deviation = {kLevelDeviation, 0, 0, bending, bending, bending};
    for (const ExponentPopulation& population :
         ExponentPopulations(target, variables_.of(axis), axes_.rate && axes_.batch)) {
      Vector row = Vector::Zero();
      row[first + 1] = population.weights[0], row[first + 2] = population.weights[1];
      const double scale = population.deviation * unusual;
      precision += row * row.transpose() / (scale * scale);
      slope += row * population.mean / (scale * scale);
      half_log_determinant += std::log(scale) + 0.5 * population.mean * population.mean / (scale * scale);
    }
    const bool two = LawLogVariables(variables_.of(axis), 0, 0).count > 1;
    for (int k = 0; k < kTerms; ++k) {
      const bool used = swept && (two || k == 0 || k == 1 || k == 3);
      if (k == 1 || k == 2) {
        // A law of one variable has no second exponent.
        if (!used) precision(first + k, first + k) += 1e12;
        continue;
      }
      const double scale = used ? deviation[static_cast<std::size_t>(k)] : 1e-6;
      precision(first + k, first + k) += 1 / (scale * scale);
      half_log_determinant += used ? std::log(scale) : std::log(1e-6);
    }
  }
}

void HierarchicalLaws::Summarise() {
  double before = 0;
  mean_.setZero();
  deviation_ = 0;
  Matrix second = Matrix::Zero();
  for (const Point& point : points_) {
    const double probability = point.cumulative - before;
    before = point.cumulative;
    if (probability < 1e-9) continue;
    mean_ += probability * point.mean;
    second += probability * (point.precision.solve(Matrix::Identity()) + point.mean * point.mean.transpose());
    deviation_ += probability * (point.cell * point.cell + point.model * point.model);
  }
  covariance_ = second - mean_ * mean_.transpose();
}

Eigen::Vector2d HierarchicalLaws::Mean(double log_params, double log_tokens) const {
  Eigen::Vector2d mean = level_ + Design(log_params, log_tokens) * mean_;
  return {axes_.rate ? mean[0] : 0, axes_.batch ? mean[1] : 0};
}

Eigen::Matrix2d HierarchicalLaws::Covariance(double log_params, double log_tokens) const {
  const Row x = Design(log_params, log_tokens);
  return x * covariance_ * x.transpose() + deviation_ * valley_;
}

HierarchicalDraw HierarchicalLaws::Draw(RandomStream& random) const {
  const double at = random.Uniform();
  const auto point = std::find_if(points_.begin(), points_.end() - 1,
                                  [at](const Point& candidate) { return candidate.cumulative >= at; });
  Vector normal;
  for (int k = 0; k < kSize; ++k) {
    normal[k] = random.Normal();
  }
  const Vector drawn = point->mean + point->precision.matrixU().solve(normal);
  HierarchicalDraw draw;
  for (int axis = 0; axis < 2; ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    if (axis == 0 ? !axes_.rate : !axes_.batch) continue;
    const Eigen::Vector3d bend = drawn.segment<3>(axis * kTerms + 3);
    // About the centre, then about the origin.
    Eigen::Vector3d law = drawn.segment<3>(axis * kTerms) - straight_[a] * bend;
    law[0] += level_[axis] - law[1] * centre_[a][0] - law[2] * centre_[a][1];
    draw.law[a] = {law[0], law[1], law[2]};
    draw.bend[a] = {{bend[0], bend[1], bend[2]}, centre_[a]};
  }
  const double a = random.Normal(), b = random.Normal();
  const double deviation = std::hypot(point->cell, point->model);
  const double share = axes_.rate && axes_.batch ? kDeviationCorrelation : 0;
  draw.offset = {axes_.rate ? deviation * a : 0,
                 axes_.batch ? deviation * (share * a + std::sqrt(1 - share * share) * b) : 0};
  return draw;
}

}  // namespace sextant::fitting::optimum
