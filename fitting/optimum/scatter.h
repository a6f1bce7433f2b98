// SPDX-License-Identifier: Apache-2.0
// How far cells lie from the laws, told apart from the noise of their own optima.
#pragma once

#include <Eigen/Core>
#include <array>
#include <vector>

#include "base/random.h"
#include "fitting/optimum/joint_surface.h"
#include "fitting/optimum/measured_optima.h"
#include "fitting/optimum/regret.h"

namespace sextant::fitting::optimum {

/// Standard deviations about log-linear laws, of (ln rate, ln batch); 0 on an axis that is not swept.
struct AxisScatter {
  Eigen::Vector2d cell = Eigen::Vector2d::Zero();   ///< of one cell among those of its N
  Eigen::Vector2d model = Eigen::Vector2d::Zero();  ///< shared by all cells of one N: its shape, its seed

  Eigen::Vector2d Total() const { return (cell.array().square() + model.array().square()).sqrt(); }
};

/// Covariance of (ln rate, ln batch) with these standard deviations. Deviations follow the bowl's valley,
/// where they cost least: rate and batch rise together.
Eigen::Matrix2d AlongValley(const Eigen::Vector2d& deviations);

/// What a sweep says about its scatter: for each axis, probabilities of (cell, model) on a grid.
class ScatterPosterior {
 public:
  /// Restricted likelihood (Patterson and Thompson 1971) of the cells' optima about laws in the variables of
  /// `laws` with the priors of their exponents, given how well each optimum is measured; times half-Cauchy
  /// priors on both deviations (Gelman 2006), which leave pure laws and wide scatter open alike. With few
  /// cells the posterior is wide, and so are intervals that are drawn from it.
  ScatterPosterior(const std::vector<SurfaceCell>& cells, const std::vector<MeasuredOptimum>& optima,
                   const RegretLaws& laws, Axes axes, double grouping_tolerance);

  AxisScatter Draw(RandomStream& random) const;

 private:
  struct Point {
    double cell, model;
    double cumulative;  ///< probability of this point and those before it
  };
  std::array<std::vector<Point>, 2> axes_;  ///< empty where the axis is not swept
};

}  // namespace sextant::fitting::optimum
