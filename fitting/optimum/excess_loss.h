// SPDX-License-Identifier: Apache-2.0
// What a predicted (rate, batch) costs on a measured cell, by a smooth surface through the cell's own runs.
#pragma once

#include <Eigen/Core>
#include <optional>

#include "fitting/optimum/cells.h"
#include "fitting/optimum/joint_surface.h"
#include "fitting/optimum/thin_plate.h"

namespace sextant::fitting::optimum {

/// Scores predictions on one cell that sweeps both axes. The surface is a thin-plate spline of ln loss over
/// (ln rate, ln batch) through the runs within 6 % of the best; its smoothing is the one, of five, of lowest
/// leave-one-out error weighted with exp(-excess / 0.01); its minimum is taken on a 161 x 161 grid inside the
/// convex hull of those runs.
class CellScorer {
 public:
  /// Nothing if the cell has too few runs near its best for a surface (fewer than six, or all on a line).
  static std::optional<CellScorer> Make(const Cell& cell);

  /// Relative excess of the surface at (ln rate, ln batch) over its minimum, in percent.
  double ExcessPercent(const Eigen::Vector2d& at) const;

  /// The same, never negative: where the surface, extrapolated, falls below its minimum inside the runs, the
  /// excess of the nearest point within their range counts.
  double ExcessWithinRuns(const Eigen::Vector2d& at) const;

  /// (ln rate, ln batch) of the surface's minimum.
  const Eigen::Vector2d& optimum() const { return optimum_; }
  double lowest() const { return lowest_; }  ///< ln loss there

 private:
  CellScorer(ThinPlateSpline surface, const Eigen::Vector2d& optimum, double lowest,
             const Eigen::Vector2d& low, const Eigen::Vector2d& high)
      : surface_(std::move(surface)), optimum_(optimum), lowest_(lowest), low_(low), high_(high) {}

  ThinPlateSpline surface_;
  Eigen::Vector2d optimum_;
  double lowest_;               ///< ln loss at the minimum
  Eigen::Vector2d low_, high_;  ///< range of the runs that the surface goes through
};

/// The same for cells that sweep one quantity only: a quadratic of ln loss in ln value through the runs
/// within 6 % of the best, weighted with exp(-excess / 0.01).
class AxisScorer {
 public:
  /// Nothing if fewer than four distinct values remain or the quadratic has no minimum among them.
  static std::optional<AxisScorer> Make(const Cell& cell, OptimumTarget axis);
  double ExcessPercent(double log_value) const;
  double optimum() const { return optimum_; }  ///< ln of the value at the minimum
  double lowest() const { return lowest_; }    ///< ln loss there

 private:
  AxisScorer(double optimum, double curvature, double lowest)
      : optimum_(optimum), curvature_(curvature), lowest_(lowest) {}
  double optimum_;
  double curvature_;
  double lowest_;
};

}  // namespace sextant::fitting::optimum
