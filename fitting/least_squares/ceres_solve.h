// SPDX-License-Identifier: Apache-2.0
// The optimizer of record.
#pragma once

#include <string>
#include <vector>

#include "fitting/least_squares/evaluator.h"

namespace sextant::fitting::solve {

struct CeresResult {
  std::vector<double> walked;
  double objective = 0;
  int iterations = 0;
  bool converged = false;
  std::string message;  ///< Ceres's own reason
};

/// Minimises what `evaluator` evaluates with Ceres's Levenberg-Marquardt over one vectorised cost block.
/// The robust loss is inside the block (residual' = sign(r) sqrt(2 weight huber(r))), since Ceres applies its
/// own loss functions to whole blocks. Thread-safe between evaluators; one thread, no logging.
CeresResult SolveWithCeres(Evaluator& evaluator, const std::vector<double>& start);

}  // namespace sextant::fitting::solve
