// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/joint_surface.h"

#include <ceres/ceres.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "fitting/optimum/priors.h"

namespace sextant::fitting::optimum {
namespace {

constexpr int kSize = JointSurface::kSize;
constexpr int kShapeAt = 6;
constexpr int kDriftAt = kShapeAt + Bowl::kShape;

/// Single-run noise of ln loss near the optimum (seeds differ by 0.001 to 0.002 in OpenEuroLLM 2608.28308),
/// and the share of its excess by which the bowl may misfit a run farther out, so that the far bowl does not
/// move the minimum.
constexpr double kNoise = 0.0015;
constexpr double kMisfit = 0.2;
/// Runs of a cell share architecture and data order, so they count as fewer: squared residuals are tempered.
constexpr double kTemper = 0.15;

/// Prior means of the shape: too high a rate, too few effective steps, too much gradient noise, too little of
/// both. Prior deviations 0.7 on directions and 2 on ln weights leave any convex bowl open.
constexpr std::array<double, Bowl::kShape> kShapeMean = {1.5, 0.0,  -6.0, -0.7, 0.7,  -6.0,
                                                         0.7, -0.7, -6.0, -0.6, -0.6, -6.0};
constexpr double kDirectionDeviation = 0.7;
constexpr double kWeightDeviation = 2.0;
constexpr double kDriftDeviation = 0.3;

struct PriorRow {
  std::array<int, 2> index;
  std::array<double, 2> weight;
  double mean;
  double deviation;
};

std::vector<PriorRow> PriorRows(Axes axes) {
  std::vector<PriorRow> rows;
  for (int axis = 0; axis < 2; ++axis) {
    if (axis == 0 ? !axes.rate : !axes.batch) {
      continue;
    }
    const OptimumTarget target = axis == 0 ? OptimumTarget::kLearningRate : OptimumTarget::kBatchSizeTokens;
    for (const ExponentPrior& prior : ExponentPriors(target, LawVariables::kParamsTokens)) {
      rows.push_back({{3 * axis + 1, 3 * axis + 2}, prior.weights, prior.mean, prior.deviation});
    }
  }
  for (int i = 0; i < Bowl::kShape; ++i) {
    rows.push_back({{kShapeAt + i, 0},
                    {1, 0},
                    kShapeMean[static_cast<std::size_t>(i)],
                    i % 3 == 2 ? kWeightDeviation : kDirectionDeviation});
  }
  for (int i = 0; i < 2; ++i) {
    rows.push_back({{kDriftAt + i, 0}, {1, 0}, 0, kDriftDeviation});
  }
  return rows;
}

std::vector<int> HeldParameters(Axes axes) {
  std::vector<int> held;
  for (int axis = 0; axis < 2; ++axis) {
    if (axis == 0 ? axes.rate : axes.batch) {
      continue;
    }
    for (int k = 0; k < 3; ++k) {
      held.push_back(3 * axis + k);
    }
    for (int k = 0; k < Bowl::kTerms; ++k) {
      held.push_back(kShapeAt + 3 * k + axis);
    }
  }
  return held;
}

/// All residuals in one block: robust, tempered run residuals about profiled cell levels, then priors.
class SurfaceCost : public ceres::CostFunction {
 public:
  SurfaceCost(const std::vector<SurfaceCell>& cells, Axes axes, double log_params_centre,
              double log_tokens_centre)
      : cells_(cells), priors_(PriorRows(axes)), n0_(log_params_centre), d0_(log_tokens_centre) {
    for (const SurfaceCell& cell : cells_) {
      points_ += static_cast<int>(cell.points.size());
    }
    set_num_residuals(points_ + static_cast<int>(priors_.size()));
    mutable_parameter_block_sizes()->push_back(kSize);
  }

  int points() const { return points_; }

  bool Evaluate(double const* const* parameters, double* residuals, double** jacobians) const override {
    const double* p = parameters[0];
    double* jacobian = jacobians != nullptr ? jacobians[0] : nullptr;
    int row = 0;
    for (const SurfaceCell& cell : cells_) {
      EvaluateCell(cell, p, residuals + row, jacobian != nullptr ? jacobian + row * kSize : nullptr);
      row += static_cast<int>(cell.points.size());
    }
    for (const PriorRow& prior : priors_) {
      residuals[row] = -prior.mean / prior.deviation;
      for (int k = 0; k < 2; ++k) {
        residuals[row] += prior.weight[k] * p[prior.index[k]] / prior.deviation;
      }
      if (jacobian != nullptr) {
        std::fill_n(jacobian + row * kSize, kSize, 0.0);
        for (int k = 0; k < 2; ++k) {
          jacobian[row * kSize + prior.index[k]] += prior.weight[k] / prior.deviation;
        }
      }
      ++row;
    }
    return std::isfinite(residuals[0]);
  }

 private:
  void EvaluateCell(const SurfaceCell& cell, const double* p, double* residuals, double* jacobian) const {
    const double n = cell.log_params - n0_;
    const double d = cell.log_tokens - d0_;
    const double amplitude = std::exp(p[kDriftAt] * n + p[kDriftAt + 1] * d);
    const Eigen::Vector2d optimum(p[0] + p[1] * n + p[2] * d, p[3] + p[4] * n + p[5] * d);
    const std::size_t count = cell.points.size();
    double total = 0;
    double level = 0;
    std::array<double, kSize> level_gradient{};
    for (std::size_t i = 0; i < count; ++i) {
      const SurfacePoint& point = cell.points[i];
      double* row = jacobian != nullptr ? jacobian + i * kSize : nullptr;
      residuals[i] = point.log_loss - BowlRow(point.at - optimum, n, d, amplitude, p, row);
      const double precision = point.count * Precision(point);
      total += precision;
      level += precision * residuals[i];
      for (int k = 0; row != nullptr && k < kSize; ++k) {
        level_gradient[static_cast<std::size_t>(k)] += precision * row[k];
      }
    }
    level /= total;
    for (std::size_t i = 0; i < count; ++i) {
      const SurfacePoint& point = cell.points[i];
      const double weight = std::sqrt(Precision(point));
      const double scale = std::sqrt(kTemper * point.count);
      const double r = weight * (residuals[i] - level);
      // Pseudo-Huber rho = 2 (sqrt(1 + r^2) - 1), written as the square of a residual.
      const double root = std::sqrt(1 + r * r);
      const double robust = std::copysign(std::sqrt(2 * (r * r / (root + 1))), r);
      const double slope = std::abs(r) > 1e-8 ? r / (root * robust) : 1.0;
      residuals[i] = scale * robust;
      if (jacobian != nullptr) {
        double* row = jacobian + i * kSize;
        for (int k = 0; k < kSize; ++k) {
          row[k] = scale * slope * weight * (row[k] - level_gradient[static_cast<std::size_t>(k)] / total);
        }
      }
    }
  }

  static double Precision(const SurfacePoint& point) {
    return 1 / (kNoise * kNoise + kMisfit * kMisfit * point.excess * point.excess);
  }

  /// The bowl at `offset`; `row`, if given, receives d(-bowl)/dp, the gradient of the residual.
  static double BowlRow(const Eigen::Vector2d& offset, double n, double d, double amplitude, const double* p,
                        double* row) {
    constexpr double kLinearBeyond = 8.0;
    double sum = 0;
    Eigen::Vector2d slope = Eigen::Vector2d::Zero();
    for (int k = 0; k < Bowl::kTerms; ++k) {
      const double* term = p + kShapeAt + 3 * k;
      const double weight = amplitude * std::exp(term[2]);
      const double t = term[0] * offset[0] + term[1] * offset[1];
      const double power = std::exp(std::min(t, kLinearBeyond));
      const double value = weight * (power * (1 + std::max(0.0, t - kLinearBeyond)) - 1 - t);
      const double derivative = weight * (power - 1);
      sum += value;
      slope[0] += derivative * term[0];
      slope[1] += derivative * term[1];
      if (row != nullptr) {
        row[kShapeAt + 3 * k] = -derivative * offset[0];
        row[kShapeAt + 3 * k + 1] = -derivative * offset[1];
        row[kShapeAt + 3 * k + 2] = -value;
      }
    }
    if (row != nullptr) {
      for (int axis = 0; axis < 2; ++axis) {
        row[3 * axis] = slope[axis];
        row[3 * axis + 1] = slope[axis] * n;
        row[3 * axis + 2] = slope[axis] * d;
      }
      row[kDriftAt] = -sum * n;
      row[kDriftAt + 1] = -sum * d;
    }
    return sum;
  }

  const std::vector<SurfaceCell>& cells_;
  std::vector<PriorRow> priors_;
  double n0_;
  double d0_;
  int points_ = 0;
};

double ConditionNumber(const SurfaceCost& cost, const double* parameters, const std::vector<int>& held) {
  const int rows = cost.num_residuals();
  Eigen::Matrix<double, Eigen::Dynamic, kSize, Eigen::RowMajor> jacobian(rows, kSize);
  std::vector<double> residuals(static_cast<std::size_t>(rows));
  double* block = jacobian.data();
  cost.Evaluate(&parameters, residuals.data(), &block);
  Eigen::Matrix<double, kSize, kSize> normal = jacobian.transpose() * jacobian;
  const Eigen::Matrix<double, kSize, 1> scale = normal.diagonal().cwiseMax(1e-300).cwiseSqrt().cwiseInverse();
  normal = scale.asDiagonal() * normal * scale.asDiagonal();
  for (const int k : held) {
    normal.row(k).setZero();
    normal.col(k).setZero();
    normal(k, k) = 1;
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix<double, kSize, kSize>> eigen(normal,
                                                                                 Eigen::EigenvaluesOnly);
  return eigen.eigenvalues().maxCoeff() / std::max(eigen.eigenvalues().minCoeff(), 1e-300);
}

SurfacePoint PointOf(const CellRun& run, Axes axes, double lowest, double count) {
  const double log_loss = std::log(run.loss);
  return {{axes.rate ? run.log_rate : 0, axes.batch ? run.log_batch : 0}, log_loss, log_loss - lowest, count};
}

/// Keeps the runs closest to the cell's best when a cell holds more than a dense covariance can take.
void LimitPoints(SurfaceCell& cell) {
  if (cell.points.size() > kMostSurfacePoints) {
    std::stable_sort(cell.points.begin(), cell.points.end(),
                     [](const SurfacePoint& a, const SurfacePoint& b) { return a.excess < b.excess; });
    cell.points.resize(kMostSurfacePoints);
  }
}

}  // namespace

std::vector<SurfaceCell> SurfaceCells(const std::vector<Cell>& cells, Axes axes, double window) {
  std::vector<SurfaceCell> result;
  for (const Cell& cell : cells) {
    SurfaceCell out{cell.log_params, cell.log_tokens, {}};
    for (const CellRun& run : cell.runs) {
      if (run.loss <= cell.best_loss() * (1 + window)) {
        out.points.push_back(PointOf(run, axes, std::log(cell.best_loss()), 1));
      }
    }
    LimitPoints(out);
    result.push_back(std::move(out));
  }
  return result;
}

std::vector<SurfaceCell> SurfaceCells(const std::vector<DrawnCell>& drawn, Axes axes, double window) {
  std::vector<SurfaceCell> result;
  std::vector<int> counts;
  for (const DrawnCell& draw : drawn) {
    const std::vector<CellRun>& runs = draw.cell->runs;
    counts.assign(runs.size(), 0);
    double best = std::numeric_limits<double>::infinity();
    for (const std::uint32_t run : draw.runs) {
      ++counts[run];
      best = std::min(best, runs[run].loss);
    }
    SurfaceCell out{draw.cell->log_params, draw.cell->log_tokens, {}};
    for (std::size_t i = 0; i < runs.size(); ++i) {
      if (counts[i] > 0 && runs[i].loss <= best * (1 + window)) {
        out.points.push_back(PointOf(runs[i], axes, std::log(best), counts[i]));
      }
    }
    LimitPoints(out);
    result.push_back(std::move(out));
  }
  return result;
}

Eigen::Vector2d JointSurface::Optimum(double log_params, double log_tokens) const {
  const double n = log_params - log_params_centre;
  const double d = log_tokens - log_tokens_centre;
  return {parameters[0] + parameters[1] * n + parameters[2] * d,
          parameters[3] + parameters[4] * n + parameters[5] * d};
}

Bowl JointSurface::BowlAt(double log_params, double log_tokens) const {
  Bowl bowl;
  std::copy_n(parameters.begin() + kShapeAt, Bowl::kShape, bowl.shape.begin());
  bowl.amplitude = std::exp(parameters[kDriftAt] * (log_params - log_params_centre) +
                            parameters[kDriftAt + 1] * (log_tokens - log_tokens_centre));
  return bowl;
}

JointSurface StartSurface(const std::vector<SurfaceCell>& cells) {
  constexpr double kNearOptimal = 0.006;
  JointSurface surface;
  Eigen::Vector2d middle = Eigen::Vector2d::Zero();
  double weight = 0;
  for (const SurfaceCell& cell : cells) {
    surface.log_params_centre += cell.log_params / static_cast<double>(cells.size());
    surface.log_tokens_centre += cell.log_tokens / static_cast<double>(cells.size());
    for (const SurfacePoint& point : cell.points) {
      if (point.excess < kNearOptimal) {
        middle += point.at;
        weight += 1;
      }
    }
  }
  middle /= weight;
  surface.parameters = {middle[0], -0.53, 0.2, middle[1], 0.07, 0.5};
  std::copy(kShapeMean.begin(), kShapeMean.end(), surface.parameters.begin() + kShapeAt);
  return surface;
}

absl::StatusOr<JointFit> FitJointSurface(const std::vector<SurfaceCell>& cells, Axes axes,
                                         const JointSurface& start, bool quick) {
  JointFit fit;
  fit.surface = start;
  double* parameters = fit.surface.parameters.data();
  const std::vector<int> held = HeldParameters(axes);
  for (const int k : held) {
    parameters[k] = 0;
  }
  SurfaceCost cost(cells, axes, start.log_params_centre, start.log_tokens_centre);
  ceres::Problem::Options problem_options;
  problem_options.cost_function_ownership = ceres::DO_NOT_TAKE_OWNERSHIP;
  ceres::Problem problem(problem_options);
  problem.AddResidualBlock(&cost, nullptr, parameters);
  if (!held.empty()) {
    problem.SetManifold(parameters, new ceres::SubsetManifold(kSize, held));
  }
  ceres::Solver::Options options;
  options.linear_solver_type = quick ? ceres::DENSE_NORMAL_CHOLESKY : ceres::DENSE_QR;
  options.num_threads = 1;
  // Thin sweeps leave flat directions in the bowl's shape, along which steps are short: 800 have been needed.
  options.max_num_iterations = quick ? 30 : 5000;
  options.function_tolerance = quick ? 1e-5 : 1e-12;
  options.gradient_tolerance = quick ? 1e-6 : 1e-10;
  options.parameter_tolerance = quick ? 1e-5 : 1e-12;
  options.logging_type = ceres::SILENT;
  ceres::Solver::Summary summary;
  ceres::Solve(options, &problem, &summary);
  if (!summary.IsSolutionUsable() || (!quick && summary.termination_type != ceres::CONVERGENCE)) {
    return absl::InternalError(absl::StrCat("joint surface did not converge: ", summary.message));
  }
  fit.objective = 2 * summary.final_cost;
  fit.points = cost.points();
  if (!quick) {
    fit.condition_number = ConditionNumber(cost, parameters, held);
  }
  return fit;
}

}  // namespace sextant::fitting::optimum
