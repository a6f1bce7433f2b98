// SPDX-License-Identifier: Apache-2.0
// Each cell's optimum as its own runs tell it, and how well: what laws scatter about.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "fitting/optimum/cell_process.h"
#include "fitting/optimum/joint_surface.h"

namespace sextant::fitting::optimum {

/// Prior standard deviation, in natural logarithms, of a cell's optimum about the surface's.
inline constexpr double kOpenDeviation = 0.5;

struct MeasuredOptimum {
  Eigen::Vector2d at = Eigen::Vector2d::Zero();          ///< (ln rate, ln batch); 0 on an axis not swept
  Eigen::Matrix2d covariance = Eigen::Matrix2d::Zero();  ///< of the moved bowl's place, by the runs' noise
  Eigen::Vector2d shift = Eigen::Vector2d::Zero();       ///< from the moved bowl's place to `at`
  Eigen::Matrix2d shift_covariance = Eigen::Matrix2d::Zero();  ///< of the shift, to first order
};

/// Two steps, one cell at a time. First the surface's bowl, its shape kept, is moved to fit the cell's runs
/// (`near`) by weighted least squares; directions that they leave open have a prior deviation of half a
/// natural logarithm. Then a Gaussian process follows what the runs (`wide`) say beyond the moved bowl, and
/// the minimum of both is the optimum. Nothing is shrunk towards the surface's laws, unlike the minimum of a
/// CellProcess about the surface itself, so that scatter about laws can be told from noise. Both lists hold
/// the same cells.
std::vector<MeasuredOptimum> MeasureOptima(const std::vector<SurfaceCell>& near,
                                           const std::vector<SurfaceCell>& wide, const JointSurface& surface,
                                           Axes axes, const ProcessScales* scales = nullptr);

}  // namespace sextant::fitting::optimum
