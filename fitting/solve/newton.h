// Damped Newton with the exact Hessian: what polishes starts and bootstrap replicates.
#pragma once

#include <vector>

#include "fitting/solve/evaluator.h"

namespace sextant::fitting::solve {

struct NewtonOptions {
  int max_evaluations = 400;
  /// Stops when an undamped step would gain less than this share of the objective.
  double tolerance = 1e-14;
};

struct NewtonResult {
  std::vector<double> walked;
  double objective = 0;
  int evaluations = 0;
  bool converged = false;
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
