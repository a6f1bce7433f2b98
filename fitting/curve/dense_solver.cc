// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/dense_solver.h"

#include <ceres/ceres.h>
#include <glog/logging.h>
#include <tbb/parallel_for.h>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "base/give_up.h"

namespace sextant::fitting {
namespace {

// Ceres reports failed evaluations through glog even when its own logging is off; they are part of a search
// here.
void QuietLogging() {
  static std::once_flag once;
  std::call_once(once, [] { FLAGS_minloglevel = google::GLOG_FATAL; });
}

class BlockCost : public ceres::CostFunction {
 public:
  explicit BlockCost(const DenseProblem& problem) : problem_(problem) {
    set_num_residuals(problem.residuals);
    mutable_parameter_block_sizes()->push_back(problem.parameters);
  }
  bool Evaluate(double const* const* parameters, double* residuals, double** jacobians) const override {
    if (IsGivenUp()) return false;  // no exception passes through Ceres
    double* jacobian = jacobians == nullptr ? nullptr : jacobians[0];
    return problem_.evaluate(parameters[0], residuals, jacobian);
  }

 private:
  const DenseProblem& problem_;
};

void ClampToBox(const DenseProblem& problem, std::vector<double>& p) {
  for (size_t i = 0; i < problem.lower.size(); ++i) p[i] = std::max(p[i], problem.lower[i]);
  for (size_t i = 0; i < problem.upper.size(); ++i) p[i] = std::min(p[i], problem.upper[i]);
}

double SumOfSquares(const std::vector<double>& r) {
  double sum = 0;
  for (double v : r) sum += v * v;
  return sum;
}

}  // namespace

DenseSolution SolveWithCeres(const DenseProblem& problem, std::vector<double> start, int max_iterations,
                             double relative_tolerance) {
  QuietLogging();
  CheckGivenUp();
  DenseSolution solution;
  ClampToBox(problem, start);
  std::vector<double> r(problem.residuals);
  solution.parameters = start;
  solution.objective = std::numeric_limits<double>::infinity();
  if (!problem.evaluate(start.data(), r.data(), nullptr) || !std::isfinite(SumOfSquares(r))) return solution;

  ceres::Problem::Options problem_options;
  problem_options.cost_function_ownership = ceres::DO_NOT_TAKE_OWNERSHIP;
  BlockCost cost(problem);
  ceres::Problem ceres_problem(problem_options);
  ceres_problem.AddResidualBlock(&cost, nullptr, solution.parameters.data());
  for (size_t i = 0; i < problem.lower.size(); ++i) {
    if (std::isfinite(problem.lower[i])) {
      ceres_problem.SetParameterLowerBound(solution.parameters.data(), static_cast<int>(i), problem.lower[i]);
    }
  }
  for (size_t i = 0; i < problem.upper.size(); ++i) {
    if (std::isfinite(problem.upper[i])) {
      ceres_problem.SetParameterUpperBound(solution.parameters.data(), static_cast<int>(i), problem.upper[i]);
    }
  }
  ceres::Solver::Options options;
  options.linear_solver_type = ceres::DENSE_QR;
  options.logging_type = ceres::SILENT;
  options.num_threads = 1;
  options.max_num_iterations = max_iterations;
  options.function_tolerance = relative_tolerance;
  options.parameter_tolerance = 1e-10;
  options.gradient_tolerance = 1e-12;
  ceres::Solver::Summary summary;
  ceres::Solve(options, &ceres_problem, &summary);
  CheckGivenUp();
  // A failed start (a Jacobian that is not finite) leaves the parameters where they were and no cost.
  if (!summary.IsSolutionUsable()) {
    solution.parameters = start;
    solution.objective = SumOfSquares(r);
    return solution;
  }
  solution.objective = 2 * summary.final_cost;
  solution.converged = summary.termination_type == ceres::CONVERGENCE;
  solution.iterations = static_cast<int>(summary.iterations.size());
  return solution;
}

DenseSolution SolveQuickly(const DenseProblem& problem, std::vector<double> start, int max_iterations,
                           double relative_tolerance) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const int n = problem.parameters, m = problem.residuals;
  ClampToBox(problem, start);
  DenseSolution solution;
  solution.parameters = std::move(start);
  std::vector<double> r(m), trial_r(m);
  Matrix jacobian(m, n);
  solution.objective = std::numeric_limits<double>::infinity();
  if (!problem.evaluate(solution.parameters.data(), r.data(), jacobian.data())) return solution;
  solution.objective = SumOfSquares(r);
  if (!std::isfinite(solution.objective)) return solution;

  double damping = 1e-3;
  Eigen::MatrixXd normal(n, n);
  Eigen::VectorXd gradient(n), step(n);
  std::vector<double> trial(n);
  for (solution.iterations = 0; solution.iterations < max_iterations; ++solution.iterations) {
    CheckGivenUp();
    const Eigen::Map<const Eigen::VectorXd> residual(r.data(), m);
    normal.noalias() = jacobian.transpose() * jacobian;
    gradient.noalias() = jacobian.transpose() * residual;
    // A parameter that rests on its bound and wants to leave the box takes no part in the step.
    for (int i = 0; i < n; ++i) {
      const bool at_lower =
          !problem.lower.empty() && solution.parameters[i] <= problem.lower[i] && gradient[i] > 0;
      const bool at_upper =
          !problem.upper.empty() && solution.parameters[i] >= problem.upper[i] && gradient[i] < 0;
      if (!at_lower && !at_upper) continue;
      gradient[i] = 0;
      normal.row(i).setZero();
      normal.col(i).setZero();
      normal(i, i) = 1;
    }
    bool accepted = false;
    double decrease = 0;
    for (int attempt = 0; attempt < 12 && !accepted; ++attempt) {
      Eigen::MatrixXd damped = normal;
      for (int i = 0; i < n; ++i) damped(i, i) += damping * std::max(normal(i, i), 1e-9);
      step = damped.ldlt().solve(gradient);
      for (int i = 0; i < n; ++i) trial[i] = solution.parameters[i] - step[i];
      ClampToBox(problem, trial);
      double trial_objective = std::numeric_limits<double>::infinity();
      if (step.allFinite() && problem.evaluate(trial.data(), trial_r.data(), nullptr)) {
        trial_objective = SumOfSquares(trial_r);
      }
      if (trial_objective < solution.objective) {
        decrease = solution.objective - trial_objective;
        solution.objective = trial_objective;
        solution.parameters = trial;
        damping = std::max(damping * 0.2, 1e-12);
        accepted = true;
      } else {
        damping = std::min(damping * 6, 1e12);
      }
    }
    if (!accepted || decrease <= relative_tolerance * solution.objective) {
      solution.converged = true;
      break;
    }
    if (!problem.evaluate(solution.parameters.data(), r.data(), jacobian.data())) break;
  }
  return solution;
}

DenseSolution SolveFromStarts(const DenseProblem& problem, const std::vector<std::vector<double>>& starts,
                              int* at_optimum) {
  std::vector<DenseSolution> quick(starts.size());
  const GiveUpOfCaller caller;
  tbb::parallel_for(size_t{0}, starts.size(), [&](size_t i) {
    const auto scope = caller.Enter();
    quick[i] = SolveQuickly(problem, starts[i], 300);
  });
  size_t best = 0;
  for (size_t i = 1; i < quick.size(); ++i) {
    if (quick[i].objective < quick[best].objective) best = i;
  }
  DenseSolution solution;
  solution.objective = std::numeric_limits<double>::infinity();
  if (quick.empty()) return solution;
  solution = SolveWithCeres(problem, quick[best].parameters);
  if (at_optimum != nullptr) {
    *at_optimum = static_cast<int>(std::count_if(quick.begin(), quick.end(), [&](const DenseSolution& s) {
      return s.objective <= solution.objective * (1 + 1e-6) + 1e-300;
    }));
  }
  return solution;
}

double HuberResidual(double r, double delta, double* slope) {
  const double magnitude = std::fabs(r);
  if (magnitude <= delta) {
    *slope = 1;
    return r;
  }
  const double value = std::sqrt(delta * (2 * magnitude - delta));
  *slope = delta / value;
  return r < 0 ? -value : value;
}

}  // namespace sextant::fitting
