// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/log_linear.h"

#include <ceres/ceres.h>

#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sextant::fitting::optimum {
namespace {

/// Weighted means and second moments about them. Centring keeps ln N near 20 from swamping its own spread.
struct Moments {
  std::size_t variables = 0;
  double weight = 0;
  std::array<double, 2> mean{};
  double target_mean = 0;
  double xx = 0, xz = 0, zz = 0;  ///< of the first and second variable
  std::array<double, 2> xt{};     ///< with the target
};

Moments CentredMoments(const std::vector<LogPoint>& points) {
  Moments m;
  if (points.empty()) {
    return m;
  }
  m.variables = points.front().at.count;
  for (const LogPoint& p : points) {
    m.weight += p.weight;
    m.target_mean += p.weight * p.log_target;
    m.mean[0] += p.weight * p.at.x[0];
    m.mean[1] += p.weight * p.at.x[1];
  }
  if (m.weight <= 0) {
    return m;
  }
  m.target_mean /= m.weight;
  m.mean[0] /= m.weight;
  m.mean[1] /= m.weight;
  for (const LogPoint& p : points) {
    const double x = p.at.x[0] - m.mean[0];
    const double z = p.at.x[1] - m.mean[1];
    const double t = p.log_target - m.target_mean;
    m.xx += p.weight * x * x;
    m.xz += p.weight * x * z;
    m.zz += p.weight * z * z;
    m.xt[0] += p.weight * x * t;
    m.xt[1] += p.weight * z * t;
  }
  return m;
}

/// Ratio of the extreme eigenvalues of the centred normal matrix after scaling its columns to unit norm.
double ConditionNumber(const Moments& m) {
  if (m.variables < 2) {
    return 1;
  }
  const double correlation = std::abs(m.xz) / std::sqrt(m.xx * m.zz);
  return correlation < 1 ? (1 + correlation) / (1 - correlation) : std::numeric_limits<double>::infinity();
}

/// Residual sqrt(w) * (target - law) in centred variables; linear, so its Jacobian is constant.
class CentredResidual : public ceres::CostFunction {
 public:
  CentredResidual(const LogPoint& point, const Moments& m) : scale_(std::sqrt(point.weight)) {
    row_ = {1, point.at.x[0] - m.mean[0], point.at.x[1] - m.mean[1]};
    target_ = point.log_target - m.target_mean;
    set_num_residuals(1);
    mutable_parameter_block_sizes()->push_back(static_cast<int>(1 + m.variables));
  }

  bool Evaluate(double const* const* parameters, double* residuals, double** jacobians) const override {
    const int count = parameter_block_sizes()[0];
    double law = 0;
    for (int k = 0; k < count; ++k) {
      law += row_[k] * parameters[0][k];
    }
    residuals[0] = scale_ * (target_ - law);
    if (jacobians != nullptr && jacobians[0] != nullptr) {
      for (int k = 0; k < count; ++k) {
        jacobians[0][k] = -scale_ * row_[k];
      }
    }
    return true;
  }

 private:
  std::array<double, 3> row_;
  double target_;
  double scale_;
};

LawParameters Uncentre(const std::array<double, 3>& centred, const Moments& m) {
  LawParameters parameters{};
  parameters[0] = m.target_mean + centred[0];
  for (std::size_t k = 0; k < m.variables; ++k) {
    parameters[1 + k] = centred[1 + k];
    parameters[0] -= centred[1 + k] * m.mean[k];
  }
  return parameters;
}

}  // namespace

absl::StatusOr<LogLinearFit> SolveLogLinear(const std::vector<LogPoint>& points) {
  const Moments m = CentredMoments(points);
  if (m.weight <= 0) {
    return absl::InternalError("log-linear fit called without points");
  }
  std::array<double, 3> centred{};
  ceres::Problem problem;
  for (const LogPoint& point : points) {
    problem.AddResidualBlock(new CentredResidual(point, m), nullptr, centred.data());
  }
  ceres::Solver::Options options;
  options.linear_solver_type = ceres::DENSE_QR;
  options.num_threads = 1;
  options.max_num_iterations = 200;
  options.initial_trust_region_radius = 1e16;  // the problem is linear: no damping, one step
  options.function_tolerance = 1e-18;
  options.gradient_tolerance = 1e-14;
  options.parameter_tolerance = 1e-14;
  options.logging_type = ceres::SILENT;
  ceres::Solver::Summary summary;
  ceres::Solve(options, &problem, &summary);
  if (!summary.IsSolutionUsable() || summary.termination_type != ceres::CONVERGENCE) {
    return absl::InternalError(absl::StrCat("log-linear fit did not converge: ", summary.message));
  }
  return LogLinearFit{Uncentre(centred, m), 2 * summary.final_cost, ConditionNumber(m)};
}

bool SolveLogLinearExactly(const std::vector<LogPoint>& points, LawParameters& parameters) {
  const Moments m = CentredMoments(points);
  // Variables are natural logs of counts: a spread below 1e-6 is rounding, not a design.
  const double floor = 1e-12 * m.weight;
  std::array<double, 3> centred{};
  if (m.variables == 1) {
    if (!(m.xx > floor)) {
      return false;
    }
    centred[1] = m.xt[0] / m.xx;
  } else {
    const double determinant = m.xx * m.zz - m.xz * m.xz;
    if (!(m.xx > floor) || !(determinant > floor * m.xx)) {
      return false;
    }
    centred[1] = (m.zz * m.xt[0] - m.xz * m.xt[1]) / determinant;
    centred[2] = (m.xx * m.xt[1] - m.xz * m.xt[0]) / determinant;
  }
  parameters = Uncentre(centred, m);
  return true;
}

}  // namespace sextant::fitting::optimum
