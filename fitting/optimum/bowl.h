// SPDX-License-Identifier: Apache-2.0
// The shape of ln loss around its optimum in (ln rate, ln batch).
#pragma once

#include <Eigen/Core>
#include <array>

namespace sextant::fitting::optimum {

/// A convex, asymmetric bowl with its minimum, 0, at the origin:
///
///   bowl(u, v) = amplitude * sum_k exp(w_k) * (exp(t_k) - 1 - t_k),   t_k = alpha_k u + beta_k v
///
/// Each term is a linear-exponential loss (Varian 1975) along its own direction, so too high a rate may cost
/// exponentially while too low a rate only slows; a sum of such terms has no saddle and no second minimum,
/// unlike a cubic. u, v are natural-log offsets of rate and batch from their optima; the value is in ln loss.
struct Bowl {
  static constexpr int kTerms = 4;
  static constexpr int kShape = 3 * kTerms;

  std::array<double, kShape> shape{};  ///< alpha_k, beta_k, w_k for k = 0..3
  double amplitude = 1;                ///< the drift of the curvature with scale enters here

  double Value(const Eigen::Vector2d& offset) const {
    return Expected(offset, Eigen::Matrix2d::Zero(), nullptr);
  }

  /// Mean of the bowl when the true optimum is off by delta ~ Normal(0, spread); closed form, because
  /// E exp(t + a.delta) = exp(t + a' spread a / 2). Adds its gradient to `gradient` if given.
  double Expected(const Eigen::Vector2d& offset, const Eigen::Matrix2d& spread,
                  Eigen::Vector2d* gradient) const;

  Eigen::Matrix2d Hessian(const Eigen::Vector2d& offset) const;

  /// The offset in the free axis (0 = u, 1 = v) that minimises the bowl while the other is held at `fixed`.
  double ConditionalOptimum(int free_axis, double fixed) const;

  /// Ends of {offset in `axis`: bowl <= its conditional minimum + tolerance} with the other offset held at
  /// `fixed`. An end beyond +-kReach is reported as +-kReach.
  std::array<double, 2> NearConditional(int axis, double fixed, double tolerance) const;
  static constexpr double kReach = 6.0;
};

}  // namespace sextant::fitting::optimum
