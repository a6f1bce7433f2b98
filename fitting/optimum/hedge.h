// SPDX-License-Identifier: Apache-2.0
// How far a law's prediction may miss the optimum of a larger run.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "fitting/optimum/cell_process.h"

namespace sextant::fitting::optimum {

/// Scatter of cells about log-linear laws that a decision should reckon with, as standard deviations in ln
/// rate or ln batch. Cautious where intervals are frank (scatter.h): a sweep without visible scatter still
/// hedges.
struct Scatter {
  double cell = 0.06;        ///< between cells of one N
  double model = 0.10;       ///< shared by all cells of one N: its shape and initialisation
  double correlation = 0.7;  ///< between the rate's and the batch's deviations: along the bowl's valley

  Eigen::Matrix2d Covariance(double deviation, Axes axes) const;
};

/// Estimates the scatter from residuals (optimum minus law, one a cell), shrunk to the defaults above with
/// the weight of two degrees of freedom, so that few cells do not claim a law without scatter.
Scatter EstimateScatter(const std::vector<CellProcess>& cells, const std::vector<Eigen::Vector2d>& residuals,
                        Axes axes, double grouping_tolerance);

/// Covariance of (ln rate, ln batch) one natural logarithm (2.7 times) beyond the largest N and D: laws are
/// fitted to be used beyond the data. Generalised least squares of this design with `scatter` and exponents
/// known beforehand to 0.3 (N) and 0.2 (D), the predictive spread of published exponents (-0.71, -0.42,
/// -0.48, -0.23 in N: standard deviation 0.2 from four values), plus the scatter of a new cell.
Eigen::Matrix2d ReferenceSpread(const std::vector<CellProcess>& cells, const Scatter& scatter, Axes axes,
                                double grouping_tolerance);

}  // namespace sextant::fitting::optimum
