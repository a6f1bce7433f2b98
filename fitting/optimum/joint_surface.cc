// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/joint_surface.h"

#include <ceres/ceres.h>

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "fitting/optimum/population.h"

namespace sextant::fitting::optimum {
namespace {

constexpr int kSize = JointSurface::kSize;
constexpr int kShapeAt = 6;
constexpr int kDriftAt = kShapeAt + Bowl::kShape;

/// The share of its excess by which the bowl may misfit a run far out, so that the far bowl does not move the
/// minimum.
constexpr double kMisfit = 0.2;
/// Runs of a cell share architecture and data order, so they count as fewer: squared residuals are tempered.
constexpr double kTemper = 0.4;

/// Prior means of the shape: too high a rate, too few effective steps, too much gradient noise, too little of
/// both. Prior deviations 0.7 on directions and 2 on ln weights leave any convex bowl open.
constexpr std::array<double, Bowl::kShape> kShapeMean = {1.5, 0.0,  -6.0, -0.7, 0.7,  -6.0,
                                                         0.7, -0.7, -6.0, -0.6, -0.6, -6.0};
constexpr double kDirectionDeviation = 0.7;
constexpr double kWeightDeviation = 2.0;
constexpr double kDriftDeviation = 0.3;

/// Steep surfaces leave one to three runs of a cell within a window of some percent: too few for a bowl. The
/// best this many stay whatever they cost, unless beyond what any bowl describes.
constexpr std::size_t kLeastPointsOnPlane = 9;
constexpr std::size_t kLeastPointsOnLine = 4;
constexpr double kWidestWindow = 0.5;

struct PriorRow {
  std::array<int, 2> index;
  std::array<double, 2> weight;
  double mean;
  double deviation;
  bool heavy_tailed = false;  ///< Student-t of kPriorFreedom degrees: data that say otherwise are believed
};

constexpr double kPriorFreedom = 4;
constexpr double kWider = 3;

std::vector<PriorRow> PriorRows(Axes axes) {
  std::vector<PriorRow> rows;
  for (int axis = 0; axis < 2; ++axis) {
    if (axis == 0 ? !axes.rate : !axes.batch) {
      continue;
    }
    const OptimumTarget target = axis == 0 ? OptimumTarget::kLearningRate : OptimumTarget::kBatchSizeTokens;
    for (const ExponentPopulation& prior :
         ExponentPopulations(target, LawVariables::kParamsTokens, axes.rate && axes.batch)) {
      rows.push_back(
          {{3 * axis + 1, 3 * axis + 2}, prior.weights, prior.mean, kWider * prior.deviation, true});
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
  SurfaceCost(const std::vector<SurfaceCell>& cells, Axes axes, const JointSurface& start)
      : cells_(cells),
        priors_(PriorRows(axes)),
        n0_(start.log_params_centre),
        d0_(start.log_tokens_centre),
        noise_(start.noise) {
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
      double slope = 1;
      if (prior.heavy_tailed) {
        // Minus twice the log density of a Student-t, written as the square of a residual.
        const double r = residuals[row];
        const double root = std::sqrt((kPriorFreedom + 1) * std::log1p(r * r / kPriorFreedom));
        slope = std::abs(r) > 1e-6 ? (kPriorFreedom + 1) * std::abs(r) / ((kPriorFreedom + r * r) * root)
                                   : std::sqrt((kPriorFreedom + 1) / kPriorFreedom);
        residuals[row] = std::copysign(root, r);
      }
      if (jacobian != nullptr) {
        std::fill_n(jacobian + row * kSize, kSize, 0.0);
        for (int k = 0; k < 2; ++k) {
          jacobian[row * kSize + prior.index[k]] += slope * prior.weight[k] / prior.deviation;
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

  double Precision(const SurfacePoint& point) const {
    return 1 / (noise_ * noise_ + kMisfit * kMisfit * point.excess * point.excess);
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
  double noise_;
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

/// Makes one point of repeats at one setting, in the place of the first: their mean, of their joint weight.
/// Repeats tell no more than that of where the optimum is, and the cost of a cell grows with the cube of its
/// points.
void PoolRepeats(SurfaceCell& cell) {
  std::map<std::pair<double, double>, std::size_t> first;
  std::vector<SurfacePoint> pooled;
  for (const SurfacePoint& point : cell.points) {
    const auto [it, fresh] = first.try_emplace({point.at[0], point.at[1]}, pooled.size());
    if (fresh) {
      pooled.push_back(point);
      continue;
    }
    SurfacePoint& into = pooled[it->second];
    const double share = point.count / (into.count + point.count);
    into.log_loss += share * (point.log_loss - into.log_loss);
    into.excess += share * (point.excess - into.excess);
    into.count += point.count;
  }
  cell.points = std::move(pooled);
}

/// Keeps the runs within the window, or the best few where it holds fewer; at most kMostSurfacePoints.
void KeepWindow(SurfaceCell& cell, Axes axes, double window) {
  const std::size_t least = axes.rate && axes.batch ? kLeastPointsOnPlane : kLeastPointsOnLine;
  std::vector<double> excess;
  for (const SurfacePoint& point : cell.points) {
    excess.push_back(point.excess);
  }
  std::sort(excess.begin(), excess.end());
  const double limit =
      std::max(std::log1p(window), std::min(excess[std::min(least, excess.size()) - 1], kWidestWindow));
  const double most = excess[std::min(kMostSurfacePoints, excess.size()) - 1];
  std::erase_if(cell.points, [&](const SurfacePoint& point) { return point.excess > std::min(limit, most); });
}

}  // namespace

std::vector<SurfaceCell> SurfaceCells(const std::vector<Cell>& cells, Axes axes, double window) {
  std::vector<SurfaceCell> result;
  for (const Cell& cell : cells) {
    SurfaceCell out{cell.log_params, cell.log_tokens, {}};
    for (const CellRun& run : cell.runs) {
      out.points.push_back(PointOf(run, axes, std::log(cell.best_loss()), 1));
    }
    PoolRepeats(out);
    KeepWindow(out, axes, window);
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
      if (counts[i] > 0) {
        out.points.push_back(PointOf(runs[i], axes, std::log(best), counts[i]));
      }
    }
    PoolRepeats(out);
    KeepWindow(out, axes, window);
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

/// The same with laws through each cell's best few runs, held to the population of exponents.
JointSurface StartFromBestRuns(const std::vector<SurfaceCell>& cells, Axes axes, JointSurface surface) {
  for (int axis = 0; axis < 2; ++axis) {
    Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
    Eigen::Vector3d right = Eigen::Vector3d::Zero();
    constexpr double kScatter = 0.1;
    for (const SurfaceCell& cell : cells) {
      double sum = 0, weight = 0;
      for (const SurfacePoint& point : cell.points) {
        const double w = std::exp(-point.excess / 0.0025);
        sum += w * point.at[axis];
        weight += w;
      }
      const Eigen::Vector3d row(1, cell.log_params - surface.log_params_centre,
                                cell.log_tokens - surface.log_tokens_centre);
      normal += row * row.transpose();
      right += row * sum / weight;
    }
    const OptimumTarget target = axis == 0 ? OptimumTarget::kLearningRate : OptimumTarget::kBatchSizeTokens;
    for (const ExponentPopulation& prior :
         ExponentPopulations(target, LawVariables::kParamsTokens, axes.rate && axes.batch)) {
      const Eigen::Vector3d row(0, prior.weights[0], prior.weights[1]);
      const double precision = kScatter * kScatter / (prior.deviation * prior.deviation);
      normal += precision * row * row.transpose();
      right += precision * prior.mean * row;
    }
    const Eigen::Vector3d law = normal.ldlt().solve(right);
    std::copy(law.data(), law.data() + 3, surface.parameters.begin() + 3 * axis);
  }
  return surface;
}

absl::StatusOr<JointFit> FitJointSurface(const std::vector<SurfaceCell>& cells, Axes axes,
                                         const JointSurface& start, Effort effort) {
  const bool quick = effort != Effort::kFull;
  JointFit fit;
  fit.surface = start;
  double* parameters = fit.surface.parameters.data();
  const std::vector<int> held = HeldParameters(axes);
  for (const int k : held) {
    parameters[k] = 0;
  }
  SurfaceCost cost(cells, axes, start);
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
  options.max_num_iterations = effort == Effort::kReplicate ? 30 : effort == Effort::kScout ? 150 : 5000;
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

/// The same with a bowl that rises, over all runs, as much as they do.
JointSurface AsSteepAsTheRuns(const std::vector<SurfaceCell>& cells, JointSurface surface) {
  double recorded = 0, predicted = 0;
  for (const SurfaceCell& cell : cells) {
    const Bowl bowl = surface.BowlAt(cell.log_params, cell.log_tokens);
    const Eigen::Vector2d optimum = surface.Optimum(cell.log_params, cell.log_tokens);
    for (const SurfacePoint& point : cell.points) {
      recorded += point.excess;
      predicted += bowl.Value(point.at - optimum);
    }
  }
  const double steeper = std::clamp(std::log((recorded + 1e-9) / (predicted + 1e-9)), -4.0, 4.0);
  for (int k = 0; k < Bowl::kTerms; ++k) {
    surface.parameters[static_cast<std::size_t>(kShapeAt + 3 * k + 2)] += steeper;
  }
  return surface;
}

/// The noise that makes residuals near the optima of their expected size, by their median; the levels of the
/// cells and the surface used up some freedom.
double EstimateNoise(const std::vector<SurfaceCell>& cells, const JointSurface& surface) {
  std::vector<double> near;
  std::size_t levels = 0;
  for (const SurfaceCell& cell : cells) {
    const Bowl bowl = surface.BowlAt(cell.log_params, cell.log_tokens);
    const Eigen::Vector2d optimum = surface.Optimum(cell.log_params, cell.log_tokens);
    std::vector<double> residuals, weights;
    for (const SurfacePoint& point : cell.points) {
      residuals.push_back(point.log_loss - bowl.Value(point.at - optimum));
      const double misfit = kMisfit * point.excess;
      weights.push_back(1 / (surface.noise * surface.noise + misfit * misfit));
    }
    double level = 0, total = 0;
    for (std::size_t i = 0; i < residuals.size(); ++i) {
      level += weights[i] * residuals[i];
      total += weights[i];
    }
    for (std::size_t i = 0; i < residuals.size(); ++i) {
      near.push_back(std::abs(residuals[i] - level / total) * std::sqrt(weights[i]));
    }
    ++levels;
  }
  constexpr double kMedianOfNormal = 0.6745;
  constexpr double kShapeFreedom = 8;
  const double count = static_cast<double>(near.size());
  const double freedom = std::max(0.25 * count, count - static_cast<double>(levels) - kShapeFreedom);
  std::nth_element(near.begin(), near.begin() + static_cast<std::ptrdiff_t>(near.size() / 2), near.end());
  const double ratio = near[near.size() / 2] / kMedianOfNormal * std::sqrt(count / freedom);
  return std::clamp(surface.noise * ratio, 0.0003, 0.03);
}

absl::StatusOr<JointFit> FitJointSurface(const std::vector<SurfaceCell>& cells, Axes axes) {
  const JointSurface first = StartSurface(cells);
  const JointSurface best_runs = StartFromBestRuns(cells, axes, first);
  std::vector<JointSurface> starts = {first, best_runs, AsSteepAsTheRuns(cells, best_runs)};
  // Two rounds tell the starts apart, the second with the noise that the first found; then one full solve.
  for (int round = 0; round < 2; ++round) {
    absl::StatusOr<JointFit> best = absl::InternalError("no start");
    for (const JointSurface& start : starts) {
      absl::StatusOr<JointFit> fit = FitJointSurface(cells, axes, start, Effort::kScout);
      if (fit.ok() && (!best.ok() || fit->objective < best->objective)) {
        best = std::move(fit);
      }
    }
    if (!best.ok()) {
      return best;
    }
    const double noise = EstimateNoise(cells, best->surface);
    if (round == 0) {
      starts = {first, best_runs, best->surface};
    } else {
      starts = {best->surface};
    }
    for (JointSurface& start : starts) {
      start.noise = round == 0 ? noise : best->surface.noise;
    }
  }
  return FitJointSurface(cells, axes, starts.front(), Effort::kFull);
}

}  // namespace sextant::fitting::optimum
