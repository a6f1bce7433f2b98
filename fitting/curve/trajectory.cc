// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/trajectory.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "absl/status/status.h"
#include "base/give_up.h"
#include "base/progress.h"
#include "base/quantile.h"
#include "base/random.h"
#include "fitting/curve/dense_solver.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

constexpr int kConstants = 6;
constexpr double kHuber = 1e-3;
using Logs = std::array<double, kConstants>;

bool Positive(double v) { return v > 0 && std::isfinite(v); }

// The solver works on the logarithms of all six constants: they are positive and differ by 13 decades.
TrajectoryLaw FromLogs(const double* p) {
  return {std::exp(p[0]), std::exp(p[1]), std::exp(p[2]), std::exp(p[3]), std::exp(p[4]), std::exp(p[5])};
}
double* Field(TrajectoryLaw& law, int i) {
  double* const fields[] = {&law.n_c, &law.alpha_n, &law.s_c, &law.alpha_s, &law.b_star, &law.alpha_b};
  return fields[i];
}

DenseProblem MakeProblem(std::span<const TrajectoryPoint> points, const std::vector<double>& weight) {
  DenseProblem problem;
  problem.residuals = static_cast<int>(points.size());
  problem.parameters = kConstants;
  problem.lower = {0, std::log(5e-3), -10, std::log(0.02), 0, std::log(0.02)};
  problem.upper = {60, std::log(2.0), 30, std::log(3.0), 60, std::log(5.0)};
  problem.evaluate = [points, weight](const double* p, double* r, double* jacobian) {
    TrajectoryLaw law = FromLogs(p);
    for (size_t i = 0; i < points.size(); ++i) {
      std::array<double, kConstants> gradient{};
      const TrajectoryPoint& point = points[i];
      const double loss = TrajectoryLoss(law, point.params, point.steps, point.batch_size_tokens,
                                         jacobian != nullptr ? gradient.data() : nullptr);
      if (!Positive(loss)) return false;
      double slope = 1;
      const double scale = std::sqrt(weight[i]);
      r[i] = scale * HuberResidual(std::log(loss / point.loss), kHuber, &slope);
      if (jacobian == nullptr) continue;
      for (int k = 0; k < kConstants; ++k) {
        jacobian[i * kConstants + k] = scale * slope * gradient[k] * *Field(law, k) / loss;
      }
    }
    return true;
  };
  return problem;
}

absl::Status Check(std::span<const TrajectoryPoint> points, const TrajectoryFitOptions& options) {
  if (options.starts < 1 || options.starts > 10000 || options.replicates < 0 || options.replicates > 100000 ||
      !(options.confidence > 0 && options.confidence < 1)) {
    return absl::InvalidArgumentError("trajectory fit: starts, replicates or confidence out of range");
  }
  std::set<double> sizes, batches;
  for (size_t i = 0; i < points.size(); ++i) {
    const TrajectoryPoint& p = points[i];
    if (!Positive(p.params) || !Positive(p.steps) || !Positive(p.batch_size_tokens) || !Positive(p.loss)) {
      return absl::InvalidArgumentError("trajectory point " + std::to_string(i) +
                                        ": params, steps, batch and loss must be positive and finite");
    }
    sizes.insert(p.params);
    batches.insert(p.batch_size_tokens);
  }
  if (points.size() < kConstants + 2) {
    return absl::FailedPreconditionError("the trajectory law has six constants; " +
                                         std::to_string(points.size()) + " points are too few");
  }
  if (sizes.size() < 2) {
    return NotIdentifiable("params take one value, so N_c and alpha_n are not determined");
  }
  if (batches.size() < 2) {
    return NotIdentifiable("the batch size takes one value, so B_star and alpha_b are not determined");
  }
  return absl::OkStatus();
}

}  // namespace

double CriticalBatchAtLoss(double loss, double b_star, double alpha_b) {
  return b_star * std::pow(loss, -1 / alpha_b);
}
double MinimumSteps(double steps, double batch_size_tokens, double critical_batch_tokens) {
  return steps / (1 + critical_batch_tokens / batch_size_tokens);
}
double MinimumCompute(double compute, double batch_size_tokens, double critical_batch_tokens) {
  return compute / (1 + batch_size_tokens / critical_batch_tokens);
}

double TrajectoryLoss(const TrajectoryLaw& law, double params, double steps, double batch_size_tokens,
                      double* gradient) {
  for (double v : {params, steps, batch_size_tokens, law.n_c, law.alpha_n, law.s_c, law.alpha_s, law.b_star,
                   law.alpha_b}) {
    if (!Positive(v)) return std::numeric_limits<double>::quiet_NaN();
  }
  const double floor = std::pow(law.n_c / params, law.alpha_n);
  const double unlimited = std::pow(law.s_c / steps, law.alpha_s);  // the step term at an unlimited batch
  const double inverse = 1 / law.alpha_b;
  // The right side falls as L rises, so there is one root. It lies above floor + unlimited; in y = ln L the
  // function y - ln(right side) rises with slope between 1 and 1 + alpha_s / alpha_b, which Newton's method
  // likes.
  double y = std::log(floor + unlimited), low = y, high = std::numeric_limits<double>::infinity();
  double ratio = 0, term = 0, slope = 1;
  for (int i = 0; i < 200; ++i) {
    ratio = law.b_star / batch_size_tokens * std::exp(-inverse * y);  // B_crit / B
    term = unlimited * std::pow(1 + ratio, law.alpha_s);
    const double value = y - std::log(floor + term);
    slope = 1 + term / (floor + term) * law.alpha_s * inverse * ratio / (1 + ratio);
    (value > 0 ? high : low) = y;
    double next = y - value / slope;
    if (!(next >= low && next <= high)) next = std::isfinite(high) ? 0.5 * (low + high) : low + 1;
    if (std::fabs(next - y) <= 4e-16 * (1 + std::fabs(y))) {
      y = next;
      break;
    }
    y = next;
  }
  const double loss = std::exp(y);
  if (gradient != nullptr) {
    // d L = (partial of the right side) / slope, by the implicit function theorem.
    const double batch_part = term * law.alpha_s * ratio / (1 + ratio) / slope;
    gradient[0] = floor * law.alpha_n / law.n_c / slope;
    gradient[1] = floor * std::log(law.n_c / params) / slope;
    gradient[2] = term * law.alpha_s / law.s_c / slope;
    gradient[3] = term * (std::log(law.s_c / steps) + std::log1p(ratio)) / slope;
    gradient[4] = batch_part / law.b_star;
    gradient[5] = batch_part * y * inverse * inverse;
  }
  return loss;
}

absl::StatusOr<TrajectoryCost> TrajectoryCostOf(const TrajectoryLaw& law, double params, double loss,
                                                double batch_size_tokens) {
  for (double v : {params, loss, law.n_c, law.alpha_n, law.s_c, law.alpha_s, law.b_star, law.alpha_b}) {
    if (!Positive(v)) return absl::InvalidArgumentError("sizes, losses and constants are above 0 and finite");
  }
  if (!(batch_size_tokens >= 0) || !std::isfinite(batch_size_tokens))
    return absl::InvalidArgumentError("the batch is 0 or more, and finite");
  const double floor = std::pow(law.n_c / params, law.alpha_n);
  if (!(loss > floor)) {
    return absl::FailedPreconditionError(
        "no number of steps reaches it: a model of that size comes down to " + std::to_string(floor) +
        " at best");
  }
  TrajectoryCost cost;
  cost.critical_batch_tokens = CriticalBatchAtLoss(loss, law.b_star, law.alpha_b);
  cost.min_steps = law.s_c * std::pow(loss - floor, -1 / law.alpha_s);
  cost.min_tokens = cost.min_steps * cost.critical_batch_tokens;
  const double batch = batch_size_tokens > 0 ? batch_size_tokens : cost.critical_batch_tokens;
  cost.steps = cost.min_steps * (1 + cost.critical_batch_tokens / batch);
  cost.tokens = cost.steps * batch;
  return cost;
}

absl::StatusOr<TrajectoryFit> FitTrajectory(std::span<const TrajectoryPoint> points,
                                            const TrajectoryFitOptions& options) {
  if (absl::Status status = Check(points, options); !status.ok()) return status;
  std::vector<double> ones(points.size(), 1.0);
  const DenseProblem problem = MakeProblem(points, ones);

  // Starts are spread over the ranges that published fits cover, in the data's own units: N_c so that the
  // floor is a share of the lowest loss, B_star so that B_crit at that loss is near the batches.
  double least = points[0].loss;
  std::vector<double> steps, batches, params;
  for (const TrajectoryPoint& p : points) {
    least = std::min(least, p.loss);
    steps.push_back(std::log(p.steps));
    batches.push_back(std::log(p.batch_size_tokens));
    params.push_back(std::log(p.params));
  }
  const double mid_params = Quantile(params, 0.5), mid_batch = Quantile(batches, 0.5);
  std::vector<std::vector<double>> starts;
  for (int i = 0; i < options.starts; ++i) {
    RandomStream random(options.seed, static_cast<uint64_t>(i));
    const double alpha_n = 0.04 + 0.2 * random.Uniform(), alpha_s = 0.3 + 0.7 * random.Uniform();
    const double alpha_b = 0.12 + 0.4 * random.Uniform(), share = 0.5 + 0.45 * random.Uniform();
    const double log_n_c = mid_params + std::log(share * least) / alpha_n;
    const double log_s_c = Quantile(steps, 0.5) + std::log(0.1 + 0.3 * random.Uniform()) / alpha_s;
    const double log_b = mid_batch + std::log(least) / alpha_b + 3 * (random.Uniform() - 0.5);
    starts.push_back({log_n_c, std::log(alpha_n), log_s_c, std::log(alpha_s), log_b, std::log(alpha_b)});
  }
  TrajectoryFit fit;
  fit.starts = options.starts;
  const DenseSolution best = SolveFromStarts(problem, starts, &fit.starts_at_optimum);
  fit.law = fit.low = fit.high = FromLogs(best.parameters.data());
  fit.objective = best.objective / 2;
  fit.converged = best.converged;
  for (const TrajectoryPoint& p : points) {
    fit.relative_error +=
        std::fabs(TrajectoryLoss(fit.law, p.params, p.steps, p.batch_size_tokens) / p.loss - 1);
  }
  fit.relative_error /= static_cast<double>(points.size());
  if (!fit.converged) fit.warnings.push_back("the solver stopped before converging");
  if (fit.starts_at_optimum * 5 < fit.starts) {
    fit.warnings.push_back("only " + std::to_string(fit.starts_at_optimum) + " of " +
                           std::to_string(fit.starts) + " starts reached the optimum");
  }
  if (options.replicates == 0) return fit;

  // Case bootstrap over runs: the points of one curve are not independent of each other.
  std::map<int, int> run_index;
  for (const TrajectoryPoint& p : points) run_index.emplace(p.run, static_cast<int>(run_index.size()));
  if (run_index.size() < 3) {
    fit.warnings.push_back("fewer than three runs: no bootstrap over runs, no interval");
    return fit;
  }
  fit.replicates.resize(options.replicates);
  const GiveUpOfCaller caller;
  const ProgressPhase phase("replicates", options.replicates);
  tbb::parallel_for(0, options.replicates, [&](int i) {
    const auto scope = caller.Enter();
    phase.Add();
    RandomStream random(options.seed, 1'000'000 + static_cast<uint64_t>(i));
    std::vector<double> count(run_index.size(), 0.0), weight;
    for (size_t k = 0; k < count.size(); ++k) count[random.Index(count.size())] += 1;
    for (const TrajectoryPoint& p : points) weight.push_back(count[run_index[p.run]]);
    const DenseSolution replicate = SolveQuickly(MakeProblem(points, weight), best.parameters, 100, 1e-9);
    fit.replicates[i] = FromLogs(replicate.parameters.data());
  });
  for (int k = 0; k < kConstants; ++k) {
    std::vector<double> values;
    for (TrajectoryLaw& law : fit.replicates) values.push_back(*Field(law, k));
    *Field(fit.low, k) = Quantile(values, 0.5 * (1 - options.confidence));
    *Field(fit.high, k) = Quantile(values, 0.5 * (1 + options.confidence));
  }
  return fit;
}

}  // namespace sextant::fitting
