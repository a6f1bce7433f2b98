// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/ceres_solve.h"

#include <ceres/cost_function.h>
#include <ceres/problem.h>
#include <ceres/solver.h>
#include <glog/logging.h>

#include <algorithm>
#include <cmath>
#include <mutex>

namespace sextant::fitting::solve {
namespace {

// Ceres reports failed evaluations through glog whatever its own options say, and glog greets the first
// message with a warning of its own unless initialised.
void SilenceGlog() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (!google::IsGoogleLoggingInitialized()) google::InitGoogleLogging("sextant");
    FLAGS_minloglevel = google::GLOG_FATAL;
  });
}

class LawCost : public ceres::CostFunction {
 public:
  explicit LawCost(Evaluator& evaluator) : evaluator_(evaluator) {
    set_num_residuals(static_cast<int>(evaluator.rows()));
    mutable_parameter_block_sizes()->push_back(static_cast<int>(evaluator.dimension()));
  }

  bool Evaluate(double const* const* parameters, double* residuals, double** jacobians) const override {
    const std::size_t n = evaluator_.rows();
    const std::size_t k = evaluator_.dimension();
    double* const jacobian = jacobians != nullptr ? jacobians[0] : nullptr;
    if (!evaluator_.Residuals({parameters[0], k}, residual_, jacobian != nullptr ? &columns_ : nullptr))
      return false;
    const double delta = evaluator_.delta();
    for (std::size_t row = 0; row < n; ++row) {
      const double root = std::sqrt(evaluator_.weights()[row]);
      const double size = std::abs(residual_[row]);
      double value = root * residual_[row];
      double slope = root;
      if (evaluator_.weights()[row] == 0) {
        value = slope = 0;
      } else if (size > delta) {
        const double transformed = std::sqrt(delta * (2 * size - delta));
        value = std::copysign(root * transformed, residual_[row]);
        slope = root * delta / transformed;
      }
      residuals[row] = value;
      if (jacobian == nullptr) continue;
      for (std::size_t i = 0; i < k; ++i)
        jacobian[row * k + i] = slope == 0 ? 0 : slope * columns_[i * n + row];
    }
    return true;
  }

 private:
  Evaluator& evaluator_;
  mutable std::vector<double> residual_, columns_;  // Ceres calls from one thread
};

}  // namespace

CeresResult SolveWithCeres(Evaluator& evaluator, const std::vector<double>& start) {
  SilenceGlog();
  CeresResult result;
  result.walked = start;
  evaluator.map().Clamp(result.walked);
  ceres::Problem problem;
  problem.AddResidualBlock(new LawCost(evaluator), nullptr, result.walked.data());
  for (std::size_t i = 0; i < evaluator.dimension(); ++i) {
    const ParameterMap::Free& free = evaluator.map().free()[i];
    if (std::isfinite(free.low))
      problem.SetParameterLowerBound(result.walked.data(), static_cast<int>(i), free.low);
    if (std::isfinite(free.high))
      problem.SetParameterUpperBound(result.walked.data(), static_cast<int>(i), free.high);
  }
  ceres::Solver::Options options;
  options.linear_solver_type = ceres::DENSE_QR;
  options.logging_type = ceres::SILENT;
  options.num_threads = 1;
  options.max_num_iterations = 1000;
  // Sums of robust losses are small numbers: tolerances are relative or far below them.
  options.function_tolerance = 1e-15;
  options.gradient_tolerance = 1e-15;
  options.parameter_tolerance = 1e-14;
  ceres::Solver::Summary summary;
  ceres::Solve(options, &problem, &summary);
  result.objective = summary.final_cost;
  result.iterations = static_cast<int>(summary.iterations.size());
  result.converged = summary.termination_type == ceres::CONVERGENCE;
  result.message = summary.message;
  return result;
}

}  // namespace sextant::fitting::solve
