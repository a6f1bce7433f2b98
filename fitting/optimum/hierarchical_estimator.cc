// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/hierarchical_estimator.h"

#include <tbb/parallel_for.h>

#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "base/progress.h"
#include "fitting/optimum/bootstrap.h"
#include "fitting/optimum/cell_process.h"
#include "fitting/optimum/hierarchical.h"
#include "fitting/optimum/law_basis.h"
#include "fitting/optimum/log_linear.h"
#include "fitting/optimum/measured_optima.h"
#include "fitting/optimum/surface_parameters.h"

namespace sextant::fitting::optimum {
namespace {

/// Draws of the bowl's shape for the replicates.
constexpr std::size_t kShapes = 32;
constexpr double kShapeWindow = 0.03;
/// Where a law is to be used: this many natural logarithms beyond the largest N and D, and the share of such
/// places in the decision.
constexpr double kBeyond = 1.0;
constexpr double kBeyondShare = 0.5;
/// A hedge reckons with misses up to this standard deviation, in natural logarithms.
constexpr double kWidestMiss = 0.5;

std::vector<CellEvidence> Evidence(const std::vector<MeasuredOptimum>& optima,
                                   const std::vector<SurfaceCell>& cells, const JointSurface& surface,
                                   Axes axes) {
  std::vector<CellEvidence> evidence;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    const SurfaceCell& cell = cells[c];
    CellEvidence made{cell.log_params, cell.log_tokens};
    // The measurement's own prior, about the surface, is taken out again.
    const Eigen::Vector2d prior = surface.Optimum(cell.log_params, cell.log_tokens);
    Eigen::Matrix2d total = Eigen::Matrix2d::Zero();
    Eigen::Matrix2d open = Eigen::Matrix2d::Zero();
    if (axes.rate && axes.batch) {
      total = optima[c].covariance.inverse();
      open = Eigen::Matrix2d::Identity() / (kOpenDeviation * kOpenDeviation);
    } else {
      const int axis = axes.rate ? 0 : 1;
      total(axis, axis) = 1 / optima[c].covariance(axis, axis);
      open(axis, axis) = 1 / (kOpenDeviation * kOpenDeviation);
    }
    const Eigen::SelfAdjointEigenSolver<Eigen::Matrix2d> eigen(total - open);
    const Eigen::Matrix2d moved = eigen.eigenvectors() * eigen.eigenvalues().cwiseMax(0).asDiagonal() *
                                  eigen.eigenvectors().transpose();
    const Eigen::Vector2d weighted = moved * prior + total * (optima[c].at - optima[c].shift - prior);
    // What the process knows less well than the moved bowl widens the likelihood.
    const Eigen::Matrix2d narrowing =
        (Eigen::Matrix2d::Identity() + moved * optima[c].shift_covariance).inverse();
    made.information = narrowing * moved;
    made.weighted = narrowing * weighted + made.information * optima[c].shift;
    evidence.push_back(made);
  }
  return evidence;
}

/// The offset from the mean optimum that costs least when the optimum is normal about it.
Eigen::Vector2d Hedge(const Bowl& bowl, Eigen::Matrix2d spread, Axes axes) {
  const double widest = std::sqrt(std::max(spread(0, 0), spread(1, 1)));
  if (widest > kWidestMiss) spread *= kWidestMiss * kWidestMiss / (widest * widest);
  Eigen::Vector2d at = Eigen::Vector2d::Zero();
  constexpr double kStep = 1e-3;
  for (int i = 0; i < 30; ++i) {
    Eigen::Vector2d gradient = Eigen::Vector2d::Zero();
    bowl.Expected(at, spread, &gradient);
    Eigen::Matrix2d hessian;
    for (int k = 0; k < 2; ++k) {
      Eigen::Vector2d moved = Eigen::Vector2d::Zero();
      bowl.Expected(at + kStep * Eigen::Vector2d::Unit(k), spread, &moved);
      hessian.col(k) = (moved - gradient) / kStep;
    }
    hessian = 0.5 * (hessian + hessian.transpose()).eval() + 1e-6 * Eigen::Matrix2d::Identity();
    if (!axes.rate) gradient[0] = 0, hessian.row(0) << 1, 0, hessian.col(0) << 1, 0;
    if (!axes.batch) gradient[1] = 0, hessian.row(1) << 0, 1, hessian.col(1) << 0, 1;
    Eigen::Vector2d move = -hessian.ldlt().solve(gradient);
    move *= std::min(1.0, 0.3 / std::max(move.norm(), 1e-12));
    at += move;
    if (move.norm() < 1e-6) break;
  }
  return at.cwiseMax(-1.0).cwiseMin(1.0);
}

struct Decision {
  RegretLaws hedged, centre;
};

Decision Decide(const HierarchicalLaws& laws, const std::vector<SurfaceCell>& cells,
                const JointSurface& surface, const LawPair& variables, Axes axes) {
  std::vector<std::array<double, 3>> places;  // ln N, ln D, weight
  double n_high = -1e300, d_high = -1e300, n_mean = 0, d_mean = 0;
  for (const SurfaceCell& cell : cells) {
    places.push_back({cell.log_params, cell.log_tokens, 1});
    n_mean += cell.log_params / static_cast<double>(cells.size());
    d_mean += cell.log_tokens / static_cast<double>(cells.size());
    n_high = std::max(n_high, cell.log_params), d_high = std::max(d_high, cell.log_tokens);
  }
  const double ghost = kBeyondShare * static_cast<double>(cells.size()) / 3;
  places.push_back({n_high + kBeyond, d_high, ghost});
  places.push_back({n_high, d_high + kBeyond, ghost});
  places.push_back({n_high + kBeyond, d_high + kBeyond, ghost});
  Decision decision;
  decision.hedged.rate_variables = decision.centre.rate_variables = variables.rate;
  decision.hedged.batch_variables = decision.centre.batch_variables = variables.batch;
  // Least squares in the metric of the bowls: a law that misses costs more where they are steep.
  Eigen::Matrix<double, 6, 6> normal = 1e-9 * Eigen::Matrix<double, 6, 6>::Identity();
  Eigen::Matrix<double, 6, 2> right = Eigen::Matrix<double, 6, 2>::Zero();
  const LogVariables origin[2] = {LawLogVariables(variables.rate, n_mean, d_mean),
                                  LawLogVariables(variables.batch, n_mean, d_mean)};
  for (const auto& [n, d, weight] : places) {
    const Eigen::Vector2d mean = laws.Mean(n, d);
    const Bowl bowl = surface.BowlAt(n, d);
    const Eigen::Vector2d lean = Hedge(bowl, laws.Covariance(n, d), axes);
    Eigen::Matrix2d metric = bowl.Hessian(Eigen::Vector2d::Zero());
    metric += 0.05 * metric.trace() * Eigen::Matrix2d::Identity();
    metric *= weight;
    if (!axes.rate || !axes.batch) metric(0, 1) = metric(1, 0) = 0;
    Eigen::Matrix<double, 2, 6> row = Eigen::Matrix<double, 2, 6>::Zero();
    for (int axis = 0; axis < 2; ++axis) {
      const LogVariables at = LawLogVariables(variables.of(axis), n, d);
      row(axis, 3 * axis) = 1;
      row(axis, 3 * axis + 1) = at.x[0] - origin[axis].x[0];
      row(axis, 3 * axis + 2) = at.x[1] - origin[axis].x[1];
    }
    normal += row.transpose() * metric * row;
    right.col(0) += row.transpose() * metric * mean;
    right.col(1) += row.transpose() * metric * (mean + lean);
  }
  const Eigen::Matrix<double, 6, 2> solved = normal.ldlt().solve(right);
  const auto read = [&](int column, int axis) {
    const Eigen::Vector3d law = solved.block<3, 1>(3 * axis, column);
    return LawParameters{law[0] - law[1] * origin[axis].x[0] - law[2] * origin[axis].x[1], law[1], law[2]};
  };
  decision.centre.rate = read(0, 0);
  decision.centre.batch = read(0, 1);
  decision.hedged.rate = read(1, 0);
  decision.hedged.batch = read(1, 1);
  return decision;
}

/// Scales of what runs say beyond the bowls once these are moved to each cell's runs: smaller than about a
/// surface whose laws miss the cells.
ProcessScales CentredScales(const std::vector<SurfaceCell>& near, const std::vector<SurfaceCell>& wide,
                            const JointSurface& surface, Axes axes) {
  const std::vector<MeasuredOptimum> optima = MeasureOptima(near, wide, surface, axes);
  std::vector<SurfaceCell> centred = wide;
  for (std::size_t c = 0; c < centred.size(); ++c) {
    const Eigen::Vector2d moved =
        optima[c].at - optima[c].shift - surface.Optimum(centred[c].log_params, centred[c].log_tokens);
    for (SurfacePoint& point : centred[c].points) {
      point.at -= moved;
    }
  }
  return ChooseScales(centred, surface);
}

HierarchicalLaws LawsOver(const std::vector<SurfaceCell>& near, const std::vector<SurfaceCell>& wide,
                          const JointSurface& surface, const ProcessScales& scales, const LawPair& variables,
                          Axes axes, const OptimumOptions& options) {
  return HierarchicalLaws(Evidence(MeasureOptima(near, wide, surface, axes, &scales), near, surface, axes),
                          variables, axes, std::max(options.grouping_tolerance, kParamsTolerance));
}

}  // namespace

absl::StatusOr<OptimumFit> FitHierarchical(const std::vector<Cell>& cells, Axes axes,
                                           const OptimumOptions& options, const JointFit* surface,
                                           std::optional<HierarchicalLaws>* posterior) {
  const std::vector<SurfaceCell> near = SurfaceCells(cells, axes, kShapeWindow);
  const std::vector<SurfaceCell> wide = SurfaceCells(cells, axes, kProcessWindow);
  const absl::StatusOr<JointFit> joint =
      surface != nullptr ? absl::StatusOr<JointFit>(*surface) : FitJointSurface(near, axes);
  if (!joint.ok()) {
    return joint.status();
  }
  LawPair variables;
  (options.target == OptimumTarget::kLearningRate ? variables.rate : variables.batch) = options.variables;
  const ProcessScales scales = CentredScales(near, wide, joint->surface, axes);
  const HierarchicalLaws laws = LawsOver(near, wide, joint->surface, scales, variables, axes, options);
  const Decision decision = Decide(laws, near, joint->surface, variables, axes);
  if (posterior != nullptr) *posterior = laws;

  OptimumFit fit;
  fit.objective = joint->objective;
  fit.runs_used = 0;
  for (const SurfaceCell& cell : wide) {
    fit.runs_used += static_cast<int>(cell.points.size());
  }
  fit.parameter_names = SurfaceRowNames(options, axes);
  fit.law_parameters = LawParameterNames(options.variables).size();
  fit.estimates.resize(fit.parameter_names.size());
  WriteSurfaceRow(options, decision.hedged, decision.centre, joint->surface, axes, {},
                  Eigen::Vector2d::Zero(), fit.estimates.data());
  fit.condition_number = joint->condition_number;
  fit.near_optimal_tolerance = options.band;
  const int axis = options.target == OptimumTarget::kLearningRate ? 0 : 1;
  const Bowl bowl = joint->surface.BowlAt(joint->surface.log_params_centre, joint->surface.log_tokens_centre);
  const std::array<double, 2> ends = bowl.NearConditional(axis, 0, options.band);
  fit.near_optimal_low = ends[0];
  fit.near_optimal_high = ends[1];
  const std::size_t columns = fit.parameter_names.size();
  fit.replicate_count = static_cast<std::size_t>(options.replicates);
  fit.replicates.resize(fit.replicate_count * columns);
  // Shapes of the bowl, each from a draw of cells and of their runs; each serves every kShapes-th replicate.
  const std::size_t shapes = std::min(kShapes, fit.replicate_count);
  std::atomic<bool> stop{false};
  const ProgressPhase phase("replicates", static_cast<std::int64_t>(fit.replicate_count));
  tbb::parallel_for(std::size_t{0}, shapes, [&](std::size_t s) {
    if (stop || (options.cancelled && options.cancelled())) {
      stop = true;
      return;
    }
    JointSurface shape = joint->surface;
    RandomStream shape_random(options.seed, s);
    std::vector<DrawnCell> drawn;
    DrawHierarchically(cells, shape_random, drawn);
    if (const absl::StatusOr<JointFit> redrawn = FitJointSurface(SurfaceCells(drawn, axes, kShapeWindow),
                                                                 axes, joint->surface, Effort::kReplicate);
        redrawn.ok()) {
      shape = redrawn->surface;
    }
    const HierarchicalLaws shaped = LawsOver(near, wide, shape, scales, variables, axes, options);
    for (std::size_t r = s; r < fit.replicate_count; r += shapes) {
      RandomStream random(options.seed, kShapes + r);
      const HierarchicalDraw draw = shaped.Draw(random);
      RegretLaws law = decision.centre;
      law.rate = draw.law[0];
      law.batch = draw.law[1];
      WriteSurfaceRow(options, law, law, shape, axes, draw.bend, draw.offset,
                      fit.replicates.data() + r * columns);
      phase.Add();
    }
  });
  if (stop) {
    return absl::CancelledError("fit cancelled");
  }
  return fit;
}

}  // namespace sextant::fitting::optimum
