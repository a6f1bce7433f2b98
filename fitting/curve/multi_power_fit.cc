// SPDX-License-Identifier: Apache-2.0
// The fit of the multi-power law (schedule_fit.h).
#include <tbb/parallel_for.h>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "base/give_up.h"
#include "base/random.h"
#include "fitting/curve/dense_solver.h"
#include "fitting/curve/multi_power_problem.h"
#include "fitting/curve/schedule_fit.h"
#include "fitting/curve/schedule_points.h"

namespace sextant::fitting {
namespace {

constexpr size_t kMostErrorPoints = 300;  // of a curve, for relative_error
constexpr double kToldByPrior = 0.5;      // prior_share above which the answer says so

// Starts over alpha, the gain of the falls, and how long they take to act.
std::vector<std::vector<double>> MultiPowerStarts(const std::vector<SchedulePoint>& points,
                                                  const MultiPowerAim& aim) {
  std::vector<std::vector<double>> starts;
  const double log_gamma = aim.prior.log_gamma, peak = std::exp(aim.log_peak);
  for (const double steps : {1.0, 12.0}) {  // times the prior's
    for (const double alpha : {.5, .3, .8}) {
      const PowerPart power = FitPowerPart(points, alpha);
      for (const double gain : {.04, .15}) {
        const double log_c =
            -aim.prior.log_steps - std::log(steps) - (1 - std::exp(log_gamma)) * aim.log_peak;
        starts.push_back({std::log(power.l0), std::log(power.a), std::log(alpha),
                          std::log(gain * power.l0 / peak), log_c, aim.prior.log_beta, log_gamma});
      }
    }
  }
  return starts;
}

// Sets delta and the prior's strength by the scatter about `parameters`.
void SetScatter(const MultiPowerPoints& at, const std::vector<SchedulePoint>& points,
                const std::vector<double>& parameters, MultiPowerAim& aim) {
  std::vector<double> residuals(at.size());
  if (!at.LogLosses(parameters.data(), residuals.data(), nullptr)) return;
  for (size_t i = 0; i < residuals.size(); ++i)
    residuals[i] = aim.root_weights[i] * (residuals[i] - aim.log_losses[i]);
  const ScheduleScatter scatter = MeasureScatter(points, residuals, kMultiPower);
  aim.delta = scatter.delta;
  aim.prior_variance = scatter.variance;
}

double PriorShare(const DenseProblem& problem, const MultiPowerAim& aim,
                  const std::vector<double>& parameters) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Matrix jacobian(problem.residuals, kMultiPower), prior(kPriorRows, kMultiPower);
  std::vector<double> residuals(problem.residuals);
  if (!problem.evaluate(parameters.data(), residuals.data(), jacobian.data())) return 1;
  std::array<double, kPriorRows> at{};
  PriorResiduals(aim, parameters.data(), at.data(), prior.data());
  const Eigen::MatrixXd normal = jacobian.transpose() * jacobian;
  const Eigen::MatrixXd covariance = aim.prior_variance * normal.ldlt().solve(prior.transpose());
  double share = 0;
  for (int k = 0; k < kPriorRows; ++k) share = std::max(share, prior.row(k).dot(covariance.col(k)));
  return std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 1;
}

std::vector<MultiPowerLaw> BootstrapMultiPower(const MultiPowerPoints& at,
                                               const std::vector<SchedulePoint>& points,
                                               const MultiPowerAim& aim, const std::vector<double>& best,
                                               const ScheduleFitOptions& options) {
  std::vector<MultiPowerLaw> replicates(static_cast<size_t>(options.replicates));
  std::vector<double> fitted(at.size());
  if (!at.LogLosses(best.data(), fitted.data(), nullptr)) return {};
  const GiveUpOfCaller caller;
  tbb::parallel_for(size_t{0}, replicates.size(), [&](size_t i) {
    const auto scope = caller.Enter();
    MultiPowerAim drawn = aim;
    drawn.log_losses = DrawLogLosses(points, fitted, kMultiPower, options.seed, i);
    // The prior is drawn too: what it tells is as uncertain as its widths say.
    RandomStream random(options.seed, 1'000'000 + i);
    for (double& shift : drawn.prior_shift) shift = random.Normal();
    const DenseSolution solution = SolveQuickly(MultiPowerProblem(at, drawn), best, 30, 1e-6);
    replicates[i] = MultiPowerFromLogs(solution.parameters);
  });
  return replicates;
}

// Mean |law / loss - 1| over points of the curves, thinned evenly.
double MultiPowerError(std::span<const ScheduledCurve> curves, const std::vector<RateChanges>& changes,
                       const std::vector<double>& parameters) {
  std::vector<SchedulePoint> thinned;
  for (size_t c = 0; c < curves.size(); ++c) {
    const size_t stride = (curves[c].step.size() + kMostErrorPoints - 1) / kMostErrorPoints;
    for (size_t i = 0; i < curves[c].step.size(); i += std::max<size_t>(stride, 1)) {
      const double loss = curves[c].loss[i], s1 = changes[c].Sum(curves[c].step[i]);
      if (loss > 0 && std::isfinite(loss) && s1 > 0)
        thinned.push_back({.s1 = s1, .loss = loss, .curve = c, .step = curves[c].step[i]});
    }
  }
  std::vector<double> log_law(thinned.size());
  if (!MultiPowerPoints(thinned, changes).LogLosses(parameters.data(), log_law.data(), nullptr)) return 1;
  double sum = 0;
  for (size_t i = 0; i < thinned.size(); ++i) sum += std::fabs(std::exp(log_law[i]) / thinned[i].loss - 1);
  return sum / static_cast<double>(std::max<size_t>(thinned.size(), 1));
}

}  // namespace

absl::StatusOr<MultiPowerFit> FitMultiPower(std::span<const ScheduledCurve> curves,
                                            const ScheduleFitOptions& options) {
  absl::StatusOr<std::vector<SchedulePoint>> gathered = GatherSchedulePoints(curves, options, kMultiPower);
  if (!gathered.ok()) return gathered.status();
  std::vector<SchedulePoint> points = *gathered;
  SetSums(curves, 0.5, 0, points);
  if (points.size() <= kMultiPower)
    return absl::FailedPreconditionError("too few points after the first step with a learning rate");
  std::vector<RateChanges> changes;
  double peak = 0;
  for (const ScheduledCurve& curve : curves) {
    changes.emplace_back(curve.learning_rate);
    peak = std::max(peak, *std::max_element(curve.learning_rate.begin(), curve.learning_rate.end()));
  }
  const MultiPowerPoints at(points, changes);
  MultiPowerAim aim;
  aim.log_peak = std::log(peak);
  for (const SchedulePoint& point : points) {
    aim.log_losses.push_back(std::log(point.loss));
    aim.root_weights.push_back(std::sqrt(point.weight));
  }
  // How far the points scatter is known only of a fit: from the first start with a strong prior, then from
  // all of them.
  const std::vector<std::vector<double>> starts = MultiPowerStarts(points, aim);
  aim.delta = aim.prior_variance = 5e-3;
  std::vector<double> best = SolveQuickly(MultiPowerProblem(at, aim), starts.front(), 60, 1e-6).parameters;
  SetScatter(at, points, best, aim);
  best = SolveQuickly(MultiPowerProblem(at, aim), best, 60, 1e-6).parameters;
  SetScatter(at, points, best, aim);
  const DenseProblem problem = MultiPowerProblem(at, aim);
  MultiPowerFit fit;
  fit.starts = static_cast<int>(starts.size());
  const DenseSolution solution = SolveFromStarts(problem, starts, &fit.starts_at_optimum);
  fit.law = MultiPowerFromLogs(solution.parameters);
  fit.objective = solution.objective / 2;
  fit.delta = aim.delta;
  fit.converged = solution.converged;
  fit.relative_error = MultiPowerError(curves, changes, solution.parameters);
  fit.prior_share = PriorShare(problem, aim, solution.parameters);
  WarnOfStarts(fit.converged, fit.starts_at_optimum, fit.starts, fit.warnings);
  if (fit.prior_share > kToldByPrior) {
    fit.warnings.push_back(
        "the curves hardly tell how a sudden fall of the rate acts: C, beta and gamma lean on the published "
        "fits "
        "of three models; a curve with a step or a fast decay would tell");
  }
  fit.replicates = BootstrapMultiPower(at, points, aim, solution.parameters, options);
  return fit;
}

}  // namespace sextant::fitting
