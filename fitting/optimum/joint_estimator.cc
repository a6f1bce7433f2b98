// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/joint_estimator.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "fitting/optimum/bootstrap.h"
#include "fitting/optimum/hedge.h"
#include "fitting/optimum/measured_optima.h"
#include "fitting/optimum/regret.h"
#include "fitting/optimum/scatter.h"
#include "fitting/optimum/surface_parameters.h"

namespace sextant::fitting::optimum {
namespace {

/// Runs that shape the joint surface lie within this of their cell's best; the deviation process sees more.
constexpr double kSurfaceWindow = 0.03;
/// Even where nothing is extrapolated a prediction misses by about a tenth in ln rate and ln batch.
constexpr double kBaseDeviation = 0.1;

/// The law in `variables` closest to the surface's optima over the cells (least squares); exact for N and D.
LawParameters ProjectLaw(const std::vector<SurfaceCell>& cells, const JointSurface& surface, int axis,
                         LawVariables variables) {
  if (variables == LawVariables::kParamsTokens) {
    const double* p = surface.parameters.data() + 3 * axis;
    return {p[0] - p[1] * surface.log_params_centre - p[2] * surface.log_tokens_centre, p[1], p[2]};
  }
  std::vector<LogPoint> points;
  for (const SurfaceCell& cell : cells) {
    points.push_back({LawLogVariables(variables, cell.log_params, cell.log_tokens),
                      surface.Optimum(cell.log_params, cell.log_tokens)[axis]});
  }
  LawParameters law{};
  SolveLogLinearExactly(points, law);
  return law;
}

RegretLaws LawsOfSurface(const std::vector<SurfaceCell>& cells, const JointSurface& surface,
                         const OptimumOptions& options) {
  RegretLaws laws;
  (options.target == OptimumTarget::kLearningRate ? laws.rate_variables : laws.batch_variables) =
      options.variables;
  laws.rate = ProjectLaw(cells, surface, 0, laws.rate_variables);
  laws.batch = ProjectLaw(cells, surface, 1, laws.batch_variables);
  return laws;
}

/// The law's least squares through given optima, one a cell.
RegretLaws LawsThrough(const std::vector<CellProcess>& cells, const std::vector<Eigen::Vector2d>& optima,
                       RegretLaws laws, Axes axes) {
  for (int axis = 0; axis < 2; ++axis) {
    if (axis == 0 ? !axes.rate : !axes.batch) {
      continue;
    }
    std::vector<LogPoint> points;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      points.push_back({LawLogVariables(axis == 0 ? laws.rate_variables : laws.batch_variables,
                                        cells[c].log_params(), cells[c].log_tokens()),
                        optima[c][axis]});
    }
    SolveLogLinearExactly(points, axis == 0 ? laws.rate : laws.batch);
  }
  return laws;
}

std::vector<Eigen::Vector2d> Residuals(const std::vector<CellProcess>& cells,
                                       const std::vector<Eigen::Vector2d>& optima, const RegretLaws& laws,
                                       Axes axes) {
  std::vector<Eigen::Vector2d> residuals;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    Eigen::Vector2d residual = optima[c] - laws.At(cells[c].log_params(), cells[c].log_tokens());
    residual[0] = axes.rate ? residual[0] : 0;
    residual[1] = axes.batch ? residual[1] : 0;
    residuals.push_back(residual);
  }
  return residuals;
}

Eigen::Vector2d DrawPair(const Eigen::Matrix2d& covariance, RandomStream& random) {
  const double a = random.Normal();
  const double b = random.Normal();
  const double first = std::sqrt(covariance(0, 0));
  const double mixed = first > 0 ? covariance(0, 1) / first : 0;
  return {first * a, mixed * a + std::sqrt(std::max(0.0, covariance(1, 1) - mixed * mixed)) * b};
}

/// Everything a replicate needs from the point fit.
struct PointFit {
  JointSurface surface;
  RegretLaws laws;  ///< unhedged
  ProcessScales scales;
  std::optional<ScatterPosterior> scatter;
  int starts = 1;
  int starts_at_optimum = 1;
};

/// Cells of one N share a draw: keyed by ln N rounded to the grouping tolerance of the cells themselves.
std::vector<Eigen::Vector2d> DrawModelShifts(const std::vector<SurfaceCell>& cells,
                                             const Eigen::Matrix2d& covariance, RandomStream& random) {
  std::vector<std::pair<double, Eigen::Vector2d>> drawn;
  std::vector<Eigen::Vector2d> shifts;
  for (const SurfaceCell& cell : cells) {
    const auto it = std::find_if(drawn.begin(), drawn.end(), [&](const auto& entry) {
      return std::abs(entry.first - cell.log_params) < 0.003;
    });
    if (it != drawn.end()) {
      shifts.push_back(it->second);
    } else {
      shifts.push_back(DrawPair(covariance, random));
      drawn.emplace_back(cell.log_params, shifts.back());
    }
  }
  return shifts;
}

Eigen::Matrix2d BaseSpread(Axes axes) {
  return Eigen::Vector2d(axes.rate ? kBaseDeviation * kBaseDeviation : 0,
                         axes.batch ? kBaseDeviation * kBaseDeviation : 0)
      .asDiagonal();
}

bool FitReplicate(const std::vector<DrawnCell>& drawn, Axes axes, const OptimumOptions& options,
                  JointKind kind, const PointFit& point, RandomStream& random, double* row) {
  const std::vector<SurfaceCell> near = SurfaceCells(drawn, axes, kSurfaceWindow);
  const absl::StatusOr<JointFit> joint = FitJointSurface(near, axes, point.surface, Effort::kReplicate);
  if (!joint.ok()) {
    return false;
  }
  const AxisScatter scatter = point.scatter->Draw(random);
  RegretLaws laws = LawsOfSurface(near, joint->surface, options);
  if (kind == JointKind::kRegret) {
    const std::vector<SurfaceCell> wide = SurfaceCells(drawn, axes, kProcessWindow);
    const std::vector<CellProcess> cells = MakeProcesses(wide, joint->surface, point.scales);
    RegretProblem problem{&cells, axes, BaseSpread(axes), {}, {}};
    problem.shifts = DrawModelShifts(wide, AlongValley(scatter.model), random);
    for (int k = 0; k < 4; ++k) {
      problem.prior_shifts.push_back(random.Normal());
    }
    const absl::StatusOr<RegretFit> fit = MinimiseRegret(problem, point.laws, true);
    if (!fit.ok()) {
      return false;
    }
    laws = fit->laws;
  }
  const Eigen::Vector2d offset = DrawPair(AlongValley(scatter.Total()), random);
  WriteSurfaceRow(options, laws, laws, joint->surface, axes, {}, offset, row);
  return std::all_of(row, row + SurfaceRowNames(options, axes).size(),
                     [](double v) { return std::isfinite(v); });
}

}  // namespace

Axes SweptAxes(const std::vector<Cell>& cells, OptimumTarget target) {
  std::size_t rates = 0;
  std::size_t batches = 0;
  for (const Cell& cell : cells) {
    rates += cell.rates.Swept();
    batches += cell.batches.Swept();
  }
  Axes axes;
  axes.rate = target == OptimumTarget::kLearningRate || 3 * rates >= cells.size();
  axes.batch = target == OptimumTarget::kBatchSizeTokens || 3 * batches >= cells.size();
  return axes;
}

bool EnoughForSurface(const std::vector<Cell>& cells, Axes axes) {
  // A cell's first run sets its level; the others tell of laws and bowl.
  std::size_t beyond_level = 0;
  for (const Cell& cell : cells) {
    beyond_level += cell.runs.size() - 1;
  }
  return beyond_level >= (axes.rate && axes.batch ? 12u : 6u);
}

absl::StatusOr<JointFit> FitStudySurface(const std::vector<Cell>& cells, Axes axes) {
  return FitJointSurface(SurfaceCells(cells, axes, kSurfaceWindow), axes);
}

absl::StatusOr<OptimumFit> FitJoint(const std::vector<Cell>& cells, Axes axes, const OptimumOptions& options,
                                    JointKind kind, const JointFit* surface) {
  const std::vector<SurfaceCell> near = SurfaceCells(cells, axes, kSurfaceWindow);
  const std::vector<SurfaceCell> wide = SurfaceCells(cells, axes, kProcessWindow);
  const absl::StatusOr<JointFit> joint =
      surface != nullptr ? absl::StatusOr<JointFit>(*surface) : FitJointSurface(near, axes);
  if (!joint.ok()) {
    return joint.status();
  }
  PointFit point;
  point.surface = joint->surface;
  point.laws = LawsOfSurface(near, joint->surface, options);
  point.scales = ChooseScales(wide, joint->surface);
  const std::vector<CellProcess> processes = MakeProcesses(wide, joint->surface, point.scales);
  const std::vector<Eigen::Vector2d> optima = CellOptima(processes, axes);

  OptimumFit fit;
  fit.objective = joint->objective;
  fit.runs_used = joint->points;
  RegretLaws recommended = point.laws;
  if (kind == JointKind::kRegret) {
    RegretProblem problem{&processes, axes, BaseSpread(axes), {}, {}};
    const absl::StatusOr<RegretFit> from_surface = MinimiseRegret(problem, point.laws, false);
    const absl::StatusOr<RegretFit> from_optima =
        MinimiseRegret(problem, LawsThrough(processes, optima, point.laws, axes), false);
    if (!from_surface.ok() || !from_optima.ok()) {
      return from_surface.ok() ? from_optima.status() : from_surface.status();
    }
    const double best = std::min(from_surface->objective, from_optima->objective);
    fit.starts = 2;
    fit.starts_at_optimum = (from_surface->objective - best < 1e-4) + (from_optima->objective - best < 1e-4);
    point.laws = from_surface->objective <= from_optima->objective ? from_surface->laws : from_optima->laws;
    const Scatter scatter = EstimateScatter(processes, Residuals(processes, optima, point.laws, axes), axes,
                                            options.grouping_tolerance);
    problem.spread = ReferenceSpread(processes, scatter, axes, options.grouping_tolerance);
    const absl::StatusOr<RegretFit> hedged = MinimiseRegret(problem, point.laws, false);
    if (!hedged.ok()) {
      return hedged.status();
    }
    recommended = hedged->laws;
    fit.objective = hedged->objective;
    fit.runs_used = 0;
    for (const SurfaceCell& cell : wide) {
      fit.runs_used += static_cast<int>(cell.points.size());
    }
  }
  if (options.replicates > 0) {
    point.scatter.emplace(near, MeasureOptima(near, wide, point.surface, axes), point.laws, axes,
                          options.grouping_tolerance);
  }

  fit.parameter_names = SurfaceRowNames(options, axes);
  fit.law_parameters = LawParameterNames(options.variables).size();
  fit.estimates.resize(fit.parameter_names.size());
  WriteSurfaceRow(options, recommended, point.laws, point.surface, axes, {}, Eigen::Vector2d::Zero(),
                  fit.estimates.data());
  fit.condition_number = joint->condition_number;
  fit.near_optimal_tolerance = options.band;
  const int axis = options.target == OptimumTarget::kLearningRate ? 0 : 1;
  const Bowl bowl = point.surface.BowlAt(point.surface.log_params_centre, point.surface.log_tokens_centre);
  const std::array<double, 2> ends = bowl.NearConditional(axis, 0, options.band);
  fit.near_optimal_low = ends[0];
  fit.near_optimal_high = ends[1];

  const ReplicateFit replicate = [&](const std::vector<DrawnCell>& drawn, RandomStream& random, double* row) {
    return FitReplicate(drawn, axes, options, kind, point, random, row);
  };
  absl::StatusOr<Replicates> replicates = RunReplicates(cells, options.replicates, fit.parameter_names.size(),
                                                        options.seed, options.cancelled, replicate);
  if (!replicates.ok()) {
    return replicates.status();
  }
  if (replicates->failed > 0) {
    fit.warnings.push_back(
        absl::StrFormat("%d of %d bootstrap replicates failed and are left out of the intervals",
                        replicates->failed, options.replicates));
  }
  fit.replicates = std::move(replicates->rows);
  fit.replicate_count = replicates->count;
  return fit;
}

}  // namespace sextant::fitting::optimum
