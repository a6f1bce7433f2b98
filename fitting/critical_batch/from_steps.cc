// SPDX-License-Identifier: Apache-2.0
#include "fitting/critical_batch/from_steps.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "base/give_up.h"
#include "base/progress.h"
#include "base/quantile.h"
#include "base/random.h"
#include "fitting/critical_batch/noise_model.h"
#include "fitting/curve/dense_solver.h"

namespace sextant::fitting {
namespace {

constexpr double kBatchReach = 30;  // how far beyond the measured batches a critical batch is still believed

std::string Format(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

CriticalBatchEstimate Unanswered(CriticalBatchDefinition definition, std::string reason) {
  CriticalBatchEstimate estimate;
  estimate.definition = definition;
  estimate.reason = std::move(reason);
  return estimate;
}

// Empty when the points can be fitted, otherwise what is wrong with them.
std::string CheckPoints(std::span<const StepsToTarget> points, const FromStepsOptions& options,
                        size_t least_batches) {
  if (!(options.confidence > 0 && options.confidence < 1) || options.replicates < 0 ||
      options.replicates > 1'000'000) {
    return "confidence must lie in (0, 1) and replicates in [0, 1000000]";
  }
  std::set<double> batches;
  for (const StepsToTarget& p : points) {
    if (!(p.batch_size > 0) || !std::isfinite(p.batch_size) || !(p.steps > 0) || !std::isfinite(p.steps)) {
      return "a batch size or number of steps is not positive and finite";
    }
    batches.insert(p.batch_size);
  }
  if (batches.size() < least_batches) {
    return std::to_string(batches.size()) + " batch sizes reach the target; at least " +
           std::to_string(least_batches) + " are needed";
  }
  return "";
}

struct Range {
  double least, greatest;
};
Range BatchRange(std::span<const StepsToTarget> points) {
  Range range{points[0].batch_size, points[0].batch_size};
  for (const StepsToTarget& p : points) {
    range.least = std::min(range.least, p.batch_size);
    range.greatest = std::max(range.greatest, p.batch_size);
  }
  return range;
}

// ln S = p0 + ln(1 + e^p1 / B): p0 = ln S_min, p1 = ln B_crit. The overhead form ln(a + b/B) is the same
// curve with a = S_min and b = S_min B_crit, so one problem serves both definitions.
DenseProblem CurveProblem(std::span<const StepsToTarget> points, const std::vector<double>& log_steps,
                          const std::vector<double>& sd, Range range) {
  DenseProblem problem;
  problem.residuals = static_cast<int>(points.size());
  problem.parameters = 2;
  const double inf = std::numeric_limits<double>::infinity();
  problem.lower = {-inf, std::log(range.least / kBatchReach)};
  problem.upper = {inf, std::log(range.greatest * kBatchReach)};
  problem.evaluate = [points, &log_steps, &sd](const double* p, double* r, double* jacobian) {
    const double critical = std::exp(p[1]);
    for (size_t i = 0; i < points.size(); ++i) {
      const double ratio = critical / points[i].batch_size;
      r[i] = (p[0] + std::log1p(ratio) - log_steps[i]) / sd[i];
      if (jacobian == nullptr) continue;
      jacobian[2 * i] = 1 / sd[i];
      jacobian[2 * i + 1] = ratio / (1 + ratio) / sd[i];
    }
    return true;
  };
  return problem;
}

struct CurveFit {
  DenseSolution solution;
  double rms = 0;                                   // of the unweighted ln residuals
  std::vector<double> log_min_steps, log_critical;  // replicates
};

CurveFit FitCurve(std::span<const StepsToTarget> points, const FromStepsOptions& options) {
  const Range range = BatchRange(points);
  const StepNoise noise(points);
  std::vector<double> log_steps;
  for (const StepsToTarget& p : points) log_steps.push_back(std::log(p.steps));
  const DenseProblem problem = CurveProblem(points, log_steps, noise.sd(), range);
  std::vector<std::vector<double>> starts;
  for (int k = 0; k <= 6; ++k) {
    const double log_critical =
        std::log(range.least / 3) + k / 6.0 * std::log(9 * range.greatest / range.least);
    double level = 0;
    for (size_t i = 0; i < points.size(); ++i) {
      level += log_steps[i] - std::log1p(std::exp(log_critical) / points[i].batch_size);
    }
    starts.push_back({level / static_cast<double>(points.size()), log_critical});
  }
  CurveFit fit;
  fit.solution = SolveFromStarts(problem, starts);
  const std::vector<double>& p = fit.solution.parameters;
  std::vector<double> fitted(points.size());
  for (size_t i = 0; i < points.size(); ++i) {
    fitted[i] = p[0] + std::log1p(std::exp(p[1]) / points[i].batch_size);
    fit.rms += (fitted[i] - log_steps[i]) * (fitted[i] - log_steps[i]) / static_cast<double>(points.size());
  }
  fit.rms = std::sqrt(fit.rms);
  fit.log_min_steps.resize(options.replicates);
  fit.log_critical.resize(options.replicates);
  const GiveUpOfCaller caller;
  const ProgressPhase phase("replicates", options.replicates);
  tbb::parallel_for(0, options.replicates, [&](int i) {
    const auto scope = caller.Enter();
    phase.Add();
    RandomStream random(options.seed, static_cast<uint64_t>(i));
    const std::vector<double> drawn = noise.Redraw(fitted, fit.solution.objective, 2, random);
    const DenseSolution replicate = SolveQuickly(CurveProblem(points, drawn, noise.sd(), range), p, 40, 1e-9);
    fit.log_min_steps[i] = replicate.parameters[0];
    fit.log_critical[i] = replicate.parameters[1];
  });
  return fit;
}

template <typename Transform>
BatchInterval Make(const CurveFit& fit, double confidence, Transform transform) {
  BatchInterval interval;
  interval.value = interval.low = interval.high =
      transform(fit.solution.parameters[0], fit.solution.parameters[1]);
  if (fit.log_critical.empty()) return interval;
  std::vector<double> draws;
  for (size_t i = 0; i < fit.log_critical.size(); ++i)
    draws.push_back(transform(fit.log_min_steps[i], fit.log_critical[i]));
  interval.low = Quantile(draws, 0.5 * (1 - confidence));
  interval.high = Quantile(std::move(draws), 0.5 * (1 + confidence));
  return interval;
}

void Describe(const CurveFit& fit, Range range, CriticalBatchEstimate& estimate) {
  estimate.relative_misfit = fit.rms;
  if (!fit.solution.converged) estimate.warnings.push_back("the solver stopped before converging");
  if (fit.rms > 0.1) {
    estimate.warnings.push_back("the steps do not follow the curve: they miss it by " +
                                Format(100 * fit.rms) + " %");
  }
  const BatchInterval& b = estimate.batch_size;
  if (b.value > range.greatest || b.value < range.least) {
    estimate.warnings.push_back("extrapolated: the critical batch lies outside the measured batches, " +
                                Format(range.least) + " to " + Format(range.greatest));
  }
  if (b.low <= range.least / kBatchReach * 1.01 || b.high >= range.greatest * kBatchReach * 0.99) {
    estimate.warnings.push_back(
        "the interval is open: these batches do not bound the critical batch on both sides");
  }
}

}  // namespace

CriticalBatchEstimate FitHyperbola(std::span<const StepsToTarget> points, const FromStepsOptions& options) {
  constexpr auto kDefinition = CriticalBatchDefinition::kHyperbola;
  if (std::string wrong = CheckPoints(points, options, 3); !wrong.empty())
    return Unanswered(kDefinition, wrong);
  const Range range = BatchRange(points);
  const CurveFit fit = FitCurve(points, options);
  const double log_critical = fit.solution.parameters[1];
  if (log_critical >= std::log(range.greatest * kBatchReach) - 1e-6) {
    return Unanswered(
        kDefinition,
        "no bend: steps fall in proportion to the batch over all measured batches, so the critical batch "
        "is above " +
            Format(range.greatest) + "; measure larger batches");
  }
  if (log_critical <= std::log(range.least / kBatchReach) + 1e-6) {
    return Unanswered(kDefinition,
                      "no bend: steps do not fall with the batch, so the critical batch is below " +
                          Format(range.least) + "; measure smaller batches");
  }
  CriticalBatchEstimate estimate;
  estimate.definition = kDefinition;
  estimate.answered = true;
  estimate.target_loss = points[0].target_loss;
  estimate.batch_size = Make(fit, options.confidence, [](double, double b) { return std::exp(b); });
  estimate.min_steps = Make(fit, options.confidence, [](double s, double) { return std::exp(s); });
  estimate.min_tokens = Make(fit, options.confidence, [](double s, double b) { return std::exp(s + b); });
  Describe(fit, range, estimate);
  return estimate;
}

OverheadFit FitOverhead(std::span<const StepsToTarget> points, const FromStepsOptions& options) {
  constexpr auto kDefinition = CriticalBatchDefinition::kOverhead;
  OverheadFit result;
  result.critical.definition = kDefinition;
  if (std::string wrong = CheckPoints(points, options, 3); !wrong.empty()) {
    result.critical = Unanswered(kDefinition, wrong);
    return result;
  }
  if (!(options.overhead > 0) || !(options.anchor_batch >= 0) ||
      !std::isfinite(options.overhead + options.anchor_batch)) {
    result.critical =
        Unanswered(kDefinition, "the overhead must be positive and the anchor batch not negative");
    return result;
  }
  const Range range = BatchRange(points);
  const double anchor = options.anchor_batch > 0 ? options.anchor_batch : range.least,
               share = options.overhead;
  const CurveFit fit = FitCurve(points, options);
  result.a = std::exp(fit.solution.parameters[0]);
  result.b = std::exp(fit.solution.parameters[0] + fit.solution.parameters[1]);
  if (fit.solution.parameters[1] >= std::log(range.greatest * kBatchReach) - 1e-6) {
    result.critical =
        Unanswered(kDefinition, "no bend: steps fall in proportion to the batch over all measured batches");
    return result;
  }
  // a B + b = (1 + r)(a B0 + b) solved for B, with b / a = B_crit of the hyperbola.
  result.critical.answered = true;
  result.critical.target_loss = points[0].target_loss;
  result.critical.batch_size = Make(
      fit, options.confidence, [&](double, double b) { return (1 + share) * anchor + share * std::exp(b); });
  Describe(fit, range, result.critical);
  if (anchor > 1.01 * range.greatest || anchor < 0.99 * range.least) {
    result.critical.warnings.push_back("the anchor batch lies outside the measured batches");
  }
  return result;
}

CriticalBatchEstimate MinimumComputeBatch(std::span<const StepsToTarget> points,
                                          const FromStepsOptions& options) {
  constexpr auto kDefinition = CriticalBatchDefinition::kMinimumCompute;
  if (std::string wrong = CheckPoints(points, options, 3); !wrong.empty())
    return Unanswered(kDefinition, wrong);
  std::vector<StepsToTarget> sorted(points.begin(), points.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const StepsToTarget& a, const StepsToTarget& b) { return a.batch_size < b.batch_size; });
  std::vector<double> u, cost, sd;
  for (const StepsToTarget& p : sorted) {
    u.push_back(std::log(p.batch_size));
    cost.push_back(std::log(p.steps * p.batch_size));
    sd.push_back(p.log_steps_error);
  }
  const auto vertex = [&](const std::vector<double>& c) {
    const auto k = static_cast<size_t>(std::min_element(c.begin(), c.end()) - c.begin());
    if (k == 0 || k + 1 == c.size()) return u[k];
    const double left = (c[k] - c[k - 1]) / (u[k] - u[k - 1]), right = (c[k + 1] - c[k]) / (u[k + 1] - u[k]);
    const double curvature = (right - left) / (u[k + 1] - u[k - 1]);
    if (!(curvature > 0)) return u[k];
    return std::clamp(0.5 * (u[k - 1] + u[k]) - left / (2 * curvature), u[k - 1], u[k + 1]);
  };
  const auto least = static_cast<size_t>(std::min_element(cost.begin(), cost.end()) - cost.begin());
  if (least == 0 || least + 1 == cost.size()) {
    return Unanswered(kDefinition, "steps x batch is least at the " +
                                       std::string(least == 0 ? "smallest" : "largest") +
                                       " measured batch, " + Format(sorted[least].batch_size) +
                                       ", so its minimum is not bracketed");
  }
  CriticalBatchEstimate estimate;
  estimate.definition = kDefinition;
  estimate.answered = true;
  estimate.target_loss = points[0].target_loss;
  const double best = std::exp(vertex(cost));
  const bool known = std::all_of(sd.begin(), sd.end(), [](double s) { return s > 0; });
  if (!known || options.replicates == 0) {
    estimate.batch_size = {best, sorted[least - 1].batch_size, sorted[least + 1].batch_size};
    estimate.warnings.push_back(
        "the errors of the steps are not known: the interval is that of the neighbouring batches");
    return estimate;
  }
  std::vector<double> draws;
  for (int i = 0; i < options.replicates; ++i) {
    RandomStream random(options.seed, static_cast<uint64_t>(i));
    std::vector<double> drawn = cost;
    for (size_t k = 0; k < drawn.size(); ++k) drawn[k] += sd[k] * random.Normal();
    draws.push_back(std::exp(vertex(drawn)));
  }
  estimate.batch_size = {best, Quantile(draws, 0.5 * (1 - options.confidence)),
                         Quantile(draws, 0.5 * (1 + options.confidence))};
  return estimate;
}

}  // namespace sextant::fitting
