// SPDX-License-Identifier: Apache-2.0
// Small dense nonlinear least squares, minimising the sum of squared residuals inside a box.
//
// SolveWithCeres gives every estimate that is reported. SolveQuickly is a plain Levenberg-Marquardt of the
// same objective for starts and bootstrap replicates; tests hold it to Ceres's objective. Thread-safe for
// different problems.
#ifndef SEXTANT_FITTING_CURVE_DENSE_SOLVER_H_
#define SEXTANT_FITTING_CURVE_DENSE_SOLVER_H_

#include <functional>
#include <vector>

namespace sextant::fitting {

struct DenseProblem {
  int residuals = 0;
  int parameters = 0;
  // Writes `residuals` residuals and, unless null, the row-major Jacobian. Returns false where it is not
  // defined.
  std::function<bool(const double* parameters, double* residuals, double* jacobian)> evaluate;
  std::vector<double> lower, upper;  // empty or one a parameter; infinities allowed
};

struct DenseSolution {
  std::vector<double> parameters;
  double objective = 0;  // sum of squared residuals
  bool converged = false;
  int iterations = 0;
};

DenseSolution SolveWithCeres(const DenseProblem& problem, std::vector<double> start, int max_iterations = 200,
                             double relative_tolerance = 1e-12);
DenseSolution SolveQuickly(const DenseProblem& problem, std::vector<double> start, int max_iterations = 60,
                           double relative_tolerance = 1e-10);

// Runs SolveQuickly from every start (in parallel), then Ceres from the best. `at_optimum`, when not null,
// takes the number of starts whose objective came within 1e-6 relative of the final one. The answer does not
// depend on the threads.
DenseSolution SolveFromStarts(const DenseProblem& problem, const std::vector<std::vector<double>>& starts,
                              int* at_optimum = nullptr);

// The residual whose square is twice Huber's loss of r: summing its squares sums 2 Huber_delta(r). `slope`
// takes its derivative with respect to r.
double HuberResidual(double r, double delta, double* slope);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_DENSE_SOLVER_H_
