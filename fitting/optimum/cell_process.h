// SPDX-License-Identifier: Apache-2.0
// One cell's ln loss as joint surface plus a smooth deviation: a Gaussian process over (ln rate, ln batch).
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <vector>

#include "fitting/optimum/joint_surface.h"

namespace sextant::fitting::optimum {

/// Deviation of a cell from the joint surface: squared-exponential covariance. Lengths are natural logs of
/// rate and batch; `noise` and `amplitude` are in ln loss.
struct ProcessScales {
  double noise = 0.0006;     ///< standard deviation of a single run near the optimum
  double amplitude = 0.003;  ///< standard deviation of the smooth deviation
  double length = 0.8;
  double misfit = 0.12;  ///< further noise, as a share of a run's excess: far runs need not be met exactly
};

/// Runs farther than this above their cell's best do not enter a process.
inline constexpr double kProcessWindow = 0.06;

/// Posterior mean of a cell's ln loss, up to a constant. Immutable; thread-safe.
class CellProcess {
 public:
  /// `cell.points` must not be empty.
  CellProcess(const SurfaceCell& cell, const JointSurface& surface, const ProcessScales& scales);

  double log_params() const { return log_params_; }
  double log_tokens() const { return log_tokens_; }
  const Eigen::Vector2d& centre() const { return centre_; }  ///< the surface's optimum

  /// Mean of ln loss at (ln rate, ln batch) = `at` + delta, delta ~ Normal(0, spread), in closed form. Adds
  /// its gradient in `at` to `gradient` if given.
  double Expected(const Eigen::Vector2d& at, const Eigen::Matrix2d& spread, Eigen::Vector2d* gradient) const;

  /// Covariance of the position of the minimum near `at`, to first order: hessian^-1 Cov(gradient) hessian^-1
  /// with the process's posterior covariance of the gradient. 0 on an axis that is not swept.
  Eigen::Matrix2d OptimumCovariance(const Eigen::Vector2d& at, Axes axes) const;

  /// Minus the log marginal likelihood of the cell's runs, up to a constant.
  double negative_log_likelihood() const { return negative_log_likelihood_; }

 private:
  double log_params_;
  double log_tokens_;
  Bowl bowl_;
  Eigen::Vector2d centre_;
  ProcessScales scales_;
  Eigen::Matrix2Xd points_;
  Eigen::LLT<Eigen::MatrixXd> cholesky_;  ///< of the runs' covariance
  Eigen::VectorXd dual_;                  ///< covariance^-1 times the deviations
  double negative_log_likelihood_ = 0;
};

std::vector<CellProcess> MakeProcesses(const std::vector<SurfaceCell>& cells, const JointSurface& surface,
                                       const ProcessScales& scales);

/// Scales of highest marginal likelihood over a grid of noise and amplitude; the length and misfit are kept.
ProcessScales ChooseScales(const std::vector<SurfaceCell>& cells, const JointSurface& surface);

}  // namespace sextant::fitting::optimum
