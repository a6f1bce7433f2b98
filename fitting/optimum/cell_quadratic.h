// SPDX-License-Identifier: Apache-2.0
// The robust quadratic of one cell, and whether its vertex can be believed.
#pragma once

#include <Eigen/Core>

#include "fitting/optimum/bootstrap.h"

namespace sextant::fitting::optimum {

/// Vertex of a quadratic of ln loss in (ln rate, ln batch), with the checks that tell a bowl's bottom from an
/// artefact: published vertices without them were off by factors of ten (two of six held-out optima of
/// OpenEuroLLM, 2608.28308).
struct CellVertex {
  Eigen::Vector2d at = Eigen::Vector2d::Zero();  ///< (ln rate, ln batch); 0 on an axis that is not swept
  int runs = 0;                                  ///< runs that entered
  bool enough_runs = false;                      ///< two more than coefficients
  bool has_minimum = false;                      ///< positive definite
  bool inside = false;           ///< within the range of the runs that entered, on each swept axis
  bool best_inside = false;      ///< best run not on the edge of the cell's grid
  double weakest_curvature = 0;  ///< smallest eigenvalue of the Hessian of ln loss per squared ln

  bool valid() const { return enough_runs && has_minimum && inside && best_inside; }
};

/// Runs within 2 % of the drawn best, Huber weights (five reweightings) about a scale of 0.2 %.
CellVertex FitCellQuadratic(const DrawnCell& draw);

}  // namespace sextant::fitting::optimum
