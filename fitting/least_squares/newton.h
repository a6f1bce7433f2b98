// SPDX-License-Identifier: Apache-2.0
// Damped Newton with the exact Hessian, through reweighted least squares where that Hessian is indefinite:
// what polishes starts and bootstrap replicates.
#pragma once

#include <limits>
#include <vector>

#include "fitting/least_squares/evaluator.h"

namespace sextant::fitting::solve {

struct NewtonOptions {
  int max_evaluations = 400;
  /// Stops when an undamped step would gain less than this share of the objective.
  double tolerance = 1e-14;
  /// Indefinite Hessians met with damping before reweighted least squares takes over. Near a minimum a few
  /// damped steps leave such a region sooner; far away, or under a loss that is nearly |r|, they do not.
  int indefinite_steps = 4;
  /// An optimum that is known already: once a full step promises to end at this objective (within 1e-9
  /// relative), the descent is taken to have joined it and stops there. NaN: none.
  double known = std::numeric_limits<double>::quiet_NaN();
};

struct NewtonResult {
  std::vector<double> walked;
  double objective = 0;
  int evaluations = 0;
  bool converged = false;
  bool joined =
      false;  ///< stopped because it was about to reach NewtonOptions::known; `walked` is not a minimum
};

/// Buffers kept between calls. One a thread.
class Newton {
 public:
  NewtonResult Minimise(Evaluator& evaluator, std::vector<double> start, const NewtonOptions& options = {});

 private:
  bool Step(const std::vector<char>& held, double damping, double& predicted);

  Derivatives here_, there_;
  std::vector<double> factor_, step_, scale_, trial_;
};

}  // namespace sextant::fitting::solve
