// SPDX-License-Identifier: Apache-2.0
// The joint fit of from_steps.h: B_crit(L) = B_star / L^(1/alpha) over all targets.
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "base/give_up.h"
#include "base/progress.h"
#include "base/quantile.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "fitting/critical_batch/from_steps.h"
#include "fitting/curve/dense_solver.h"

namespace sextant::fitting {
namespace {

constexpr double kLeastInverse = 0.02, kGreatestInverse = 60;  // of 1/alpha

struct Layout {
  std::vector<double> log_batch, log_loss, log_steps, sd;
  std::vector<int> target;   // which S_min
  std::vector<int> cluster;  // which (group, batch): points of one curve are not independent
  int targets = 0, clusters = 0;
  double log_reference = 0;  // B_crit is fitted at this ln loss, where it is best determined
};

// Parameters: ln B_crit at the reference loss, ln(1/alpha), then ln S_min of every target.
DenseProblem JointProblem(const Layout& layout, const std::vector<double>& log_steps) {
  DenseProblem problem;
  problem.residuals = static_cast<int>(log_steps.size());
  problem.parameters = 2 + layout.targets;
  problem.lower.assign(problem.parameters, -200);
  problem.upper.assign(problem.parameters, 200);
  const auto [least, greatest] = std::minmax_element(layout.log_batch.begin(), layout.log_batch.end());
  problem.lower[0] = *least - std::log(100.0);
  problem.upper[0] = *greatest + std::log(100.0);
  problem.lower[1] = std::log(kLeastInverse);
  problem.upper[1] = std::log(kGreatestInverse);
  problem.evaluate = [&layout, &log_steps](const double* p, double* r, double* jacobian) {
    const int n = 2 + layout.targets;
    const double inverse = std::exp(p[1]);
    for (size_t i = 0; i < log_steps.size(); ++i) {
      const double distance = layout.log_loss[i] - layout.log_reference;
      const double ratio = std::exp(p[0] - inverse * distance - layout.log_batch[i]);
      const double scale = 1 / layout.sd[i];
      r[i] = scale * (p[2 + layout.target[i]] + std::log1p(ratio) - log_steps[i]);
      if (jacobian == nullptr) continue;
      double* row = jacobian + i * static_cast<size_t>(n);
      std::fill(row, row + n, 0.0);
      const double share = scale * ratio / (1 + ratio);
      row[0] = share;
      row[1] = -share * inverse * distance;
      row[2 + layout.target[i]] = scale;
    }
    return true;
  };
  return problem;
}

absl::StatusOr<Layout> Arrange(std::span<const StepsToTarget> points) {
  Layout layout;
  std::map<std::pair<int, double>, int> targets, clusters;
  std::set<double> batches, losses;
  bool known = true;
  double sum = 0;
  for (const StepsToTarget& p : points) {
    for (double v : {p.batch_size, p.steps, p.target_loss}) {
      if (!(v > 0) || !std::isfinite(v)) {
        return absl::InvalidArgumentError(
            "joint fit: batch, steps and target loss must be positive and finite");
      }
    }
    layout.log_batch.push_back(std::log(p.batch_size));
    layout.log_loss.push_back(std::log(p.target_loss));
    layout.log_steps.push_back(std::log(p.steps));
    layout.target.push_back(
        targets.emplace(std::pair(p.group, p.target_loss), static_cast<int>(targets.size())).first->second);
    layout.cluster.push_back(
        clusters.emplace(std::pair(p.group, p.batch_size), static_cast<int>(clusters.size())).first->second);
    batches.insert(p.batch_size);
    losses.insert(p.target_loss);
    known = known && p.log_steps_error > 0;
    sum += layout.log_loss.back();
  }
  if (batches.size() < 3)
    return absl::FailedPreconditionError("the batch size takes fewer than three values");
  if (losses.size() < 2)
    return absl::FailedPreconditionError("the target loss takes one value: alpha is not identifiable");
  for (const StepsToTarget& p : points) layout.sd.push_back(known ? p.log_steps_error : 1.0);
  layout.targets = static_cast<int>(targets.size());
  layout.clusters = static_cast<int>(clusters.size());
  if (points.size() < static_cast<size_t>(layout.targets) + 3) {
    return absl::FailedPreconditionError("too few points for one S_min a target and two constants");
  }
  layout.log_reference = sum / static_cast<double>(points.size());
  return layout;
}

}  // namespace

absl::StatusOr<JointHyperbolaFit> FitJointHyperbola(std::span<const StepsToTarget> points,
                                                    const FromStepsOptions& options) {
  if (!(options.confidence > 0 && options.confidence < 1) || options.replicates < 0 ||
      options.replicates > 1'000'000) {
    return absl::InvalidArgumentError("confidence must lie in (0, 1) and replicates in [0, 1000000]");
  }
  ASSIGN_OR_RETURN(Layout arranged, Arrange(points));
  const Layout& layout = arranged;
  const size_t n = points.size();
  const DenseProblem problem = JointProblem(layout, layout.log_steps);

  const double low_batch = *std::min_element(layout.log_batch.begin(), layout.log_batch.end());
  const double high_batch = *std::max_element(layout.log_batch.begin(), layout.log_batch.end());
  std::vector<std::vector<double>> starts;
  for (int k = 0; k < 5; ++k) {
    for (double inverse : {1.0, 5.0, 15.0}) {
      std::vector<double> start(problem.parameters, 0.0), count(problem.parameters, 0.0);
      start[0] = low_batch + k / 4.0 * (high_batch - low_batch);
      start[1] = std::log(inverse);
      for (size_t i = 0; i < n; ++i) {
        const double ratio =
            std::exp(start[0] - inverse * (layout.log_loss[i] - layout.log_reference) - layout.log_batch[i]);
        start[2 + layout.target[i]] += layout.log_steps[i] - std::log1p(ratio);
        count[2 + layout.target[i]] += 1;
      }
      for (int t = 0; t < layout.targets; ++t) start[2 + t] /= count[2 + t];
      starts.push_back(std::move(start));
    }
  }
  JointHyperbolaFit fit;
  const DenseSolution best = SolveFromStarts(problem, starts);
  const std::vector<double>& p = best.parameters;
  fit.converged = best.converged;
  fit.objective = best.objective;
  std::vector<double> residuals(n), fitted(n);
  problem.evaluate(p.data(), residuals.data(), nullptr);
  for (size_t i = 0; i < n; ++i) {
    residuals[i] *= layout.sd[i];
    fitted[i] = layout.log_steps[i] + residuals[i];
    fit.relative_misfit += residuals[i] * residuals[i] / static_cast<double>(n);
  }
  fit.relative_misfit = std::sqrt(fit.relative_misfit);

  const auto constants = [&](const std::vector<double>& q) {
    const double inverse = std::exp(q[1]);
    return std::pair(std::exp(q[0] + inverse * layout.log_reference), 1 / inverse);
  };
  LossPowerLaw& law = fit.law;
  std::tie(law.b_star.value, law.alpha.value) = constants(p);
  law.lowest_loss = std::exp(*std::min_element(layout.log_loss.begin(), layout.log_loss.end()));
  law.highest_loss = std::exp(*std::max_element(layout.log_loss.begin(), layout.log_loss.end()));
  fit.target_loss.resize(layout.targets);
  fit.min_steps.resize(layout.targets);
  for (size_t i = 0; i < n; ++i) fit.target_loss[layout.target[i]] = points[i].target_loss;
  for (int t = 0; t < layout.targets; ++t) fit.min_steps[t] = std::exp(p[2 + t]);

  // Wild cluster bootstrap: the residuals of one curve move together, by a random factor. Each cluster also
  // keeps the reading error of its points, and the factor is widened for the few clusters there are.
  const int free = std::max(1, layout.clusters - 2);
  const double widen = std::sqrt(static_cast<double>(layout.clusters) / free);
  const bool known = layout.sd[0] != 1.0;
  law.b_star_draws.resize(options.replicates);
  law.alpha_draws.resize(options.replicates);
  const GiveUpOfCaller caller;
  const ProgressPhase phase("replicates", options.replicates);
  tbb::parallel_for(0, options.replicates, [&](int replicate) {
    const auto scope = caller.Enter();
    phase.Add();
    RandomStream random(options.seed, static_cast<uint64_t>(replicate));
    const double scale = widen * std::sqrt(free / random.ChiSquared(free));
    std::vector<double> factor(layout.clusters), shift(layout.clusters), drawn(n);
    for (int k = 0; k < layout.clusters; ++k) {
      factor[k] = scale * random.Normal();
      shift[k] = random.Normal();
    }
    for (size_t i = 0; i < n; ++i) {
      const int k = layout.cluster[i];
      drawn[i] = fitted[i] + factor[k] * residuals[i] + (known ? shift[k] * layout.sd[i] : 0);
    }
    const DenseSolution solution = SolveQuickly(JointProblem(layout, drawn), p, 40, 1e-9);
    std::tie(law.b_star_draws[replicate], law.alpha_draws[replicate]) = constants(solution.parameters);
  });
  const double low = 0.5 * (1 - options.confidence), high = 0.5 * (1 + options.confidence);
  const auto bound = [&](BatchInterval& interval, const std::vector<double>& draws) {
    interval.low = draws.empty() ? interval.value : Quantile(draws, low);
    interval.high = draws.empty() ? interval.value : Quantile(draws, high);
  };
  bound(law.b_star, law.b_star_draws);
  bound(law.alpha, law.alpha_draws);
  if (!fit.converged) fit.warnings.push_back("the solver stopped before converging");
  if (p[1] <= std::log(kLeastInverse) + 1e-6 || p[1] >= std::log(kGreatestInverse) - 1e-6) {
    fit.warnings.push_back(
        "alpha is at its bound: the critical batch does not move with the loss as the law says");
  }
  return fit;
}

}  // namespace sextant::fitting
