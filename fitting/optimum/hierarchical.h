// SPDX-License-Identifier: Apache-2.0
// Laws of optimal rate and batch as one hierarchical linear model: exponents from a population of studies,
// what cells of one N share, what each cell has of its own, and how well its runs tell its optimum.
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <array>
#include <cstddef>
#include <vector>

#include "base/random.h"
#include "fitting/optimum/joint_surface.h"
#include "fitting/optimum/law_basis.h"
#include "fitting/optimum/measured_optima.h"

namespace sextant::fitting::optimum {

/// Variables of the two laws; the partner of the one asked for uses N and D.
struct LawPair {
  LawVariables rate = LawVariables::kParamsTokens;
  LawVariables batch = LawVariables::kParamsTokens;
  LawVariables of(int axis) const { return axis == 0 ? rate : batch; }
};

/// One cell: what its runs say of (ln rate, ln batch) at its optimum, as a normal likelihood.
struct CellEvidence {
  double log_params;
  double log_tokens;
  Eigen::Matrix2d information =
      Eigen::Matrix2d::Zero();  ///< inverse covariance; singular where runs say nothing
  Eigen::Vector2d weighted = Eigen::Vector2d::Zero();  ///< information times the most likely place
  double spread = 1;  ///< its own deviation's variance, as a multiple: above 1 for cells that lie far out
};

/// How ln of an axis's optimum bends over the law's variables: 0 for a power law.
struct Bend {
  std::array<double, 3> quadratic{};  ///< of x1^2, x1 x2, x2^2 about the centre
  std::array<double, 2> centre{};     ///< of the law's variables
  double Value(const LogVariables& at) const;
};

/// One draw from the posterior, or its mean.
struct HierarchicalDraw {
  std::array<std::array<double, 3>, 2> law{};  ///< log_c and exponents, [axis]
  std::array<Bend, 2> bend;
  Eigen::Vector2d offset = Eigen::Vector2d::Zero();  ///< one run's optimum about the law
};

/// The posterior of the laws. Level, exponents and bends are normal given four scales; the scales (a cell's
/// own deviation, what cells of one N share, how unusual the study's exponents are, how far laws bend) are
/// summed over a grid with their marginal likelihood, so that exponents have heavy tails and laws need not be
/// power laws. Cost is linear in the number of cells.
class HierarchicalLaws {
 public:
  HierarchicalLaws(std::vector<CellEvidence> cells, const LawPair& variables, Axes axes,
                   double grouping_tolerance);

  /// Posterior mean of (ln rate, ln batch) of the optimum at (ln N, ln D), bends included.
  Eigen::Vector2d Mean(double log_params, double log_tokens) const;
  /// Its predictive covariance, for a run of its own N.
  Eigen::Matrix2d Covariance(double log_params, double log_tokens) const;
  HierarchicalDraw Draw(RandomStream& random) const;

 private:
  static constexpr int kTerms = 6;  ///< of one axis: level, two exponents, three bends
  static constexpr int kSize = 2 * kTerms;
  using Row = Eigen::Matrix<double, 2, kSize>;
  using Vector = Eigen::Matrix<double, kSize, 1>;
  using Matrix = Eigen::Matrix<double, kSize, kSize>;

  /// The scales at one point of the grid, its probability, and the normal posterior of the coefficients.
  struct Point {
    double cell, model;
    double cumulative;
    Vector mean;
    Eigen::LLT<Matrix> precision;
  };
  /// Evidence of all cells about the coefficients, given the two deviations.
  struct Normal {
    Matrix curvature = Matrix::Zero();
    Vector slope = Vector::Zero();
    double minus_log = 0;
  };

  void Fit(const std::vector<CellEvidence>& cells);
  void LetGo(std::vector<CellEvidence>& cells) const;
  void Centre(const std::vector<CellEvidence>& cells);
  std::array<double, kTerms> Terms(int axis, double log_params, double log_tokens) const;
  Row Design(double log_params, double log_tokens) const;
  Normal Accumulate(const std::vector<CellEvidence>& cells, double cell, double model) const;
  void Prior(double unusual, double bending, Matrix& precision, Vector& slope,
             double& half_log_determinant) const;
  void Summarise();

  LawPair variables_;
  Axes axes_;
  Eigen::Matrix2d valley_;                               ///< how deviations of rate and batch go together
  std::array<std::array<double, 2>, 2> centre_{};        ///< [axis][variable]
  std::array<Eigen::Matrix<double, 3, 3>, 2> straight_;  ///< bends' projections on the law, [axis]
  Eigen::Vector2d level_ = Eigen::Vector2d::Zero();      ///< taken off the optima
  double tolerance_;
  std::vector<Point> points_;
  Vector mean_ = Vector::Zero();
  Matrix covariance_ = Matrix::Zero();
  double deviation_ = 0;  ///< variance of one run's optimum about the law
};

}  // namespace sextant::fitting::optimum
