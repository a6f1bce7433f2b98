// SPDX-License-Identifier: Apache-2.0
#include "fitting/critical_batch/noise_scale.h"

#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "base/quantile.h"
#include "base/random.h"
#include "fitting/curve/dense_solver.h"

namespace sextant::fitting {
namespace {

struct Parts {
  double gradient_squared, trace;
};
Parts Split(double small, double small_norm, double large, double large_norm) {
  return {(large * large_norm - small * small_norm) / (large - small),
          (small_norm - large_norm) / (1 / small - 1 / large)};
}

bool BatchesMakeSense(double small, double large) {
  return small > 0 && large > small && std::isfinite(large);
}

}  // namespace

absl::StatusOr<NoiseScale> NoiseScaleFromTwoBatches(double small_batch, double small_norm_squared,
                                                    double large_batch, double large_norm_squared) {
  if (!BatchesMakeSense(small_batch, large_batch)) {
    return absl::InvalidArgumentError(
        "the two batches must be positive, finite and different, the small one first");
  }
  if (!(small_norm_squared > 0) || !(large_norm_squared > 0) ||
      !std::isfinite(small_norm_squared + large_norm_squared)) {
    return absl::InvalidArgumentError("squared gradient norms must be positive and finite");
  }
  const Parts parts = Split(small_batch, small_norm_squared, large_batch, large_norm_squared);
  if (!(parts.gradient_squared > 0)) {
    return absl::FailedPreconditionError(
        "the noise swamps the gradient: average more measurements or enlarge the batch");
  }
  return NoiseScale{parts.gradient_squared, parts.trace, parts.trace / parts.gradient_squared};
}

std::vector<double> SmoothedNoiseScale(double small_batch, std::span<const double> small_norm_squared,
                                       double large_batch, std::span<const double> large_norm_squared,
                                       double decay) {
  const size_t n = std::min(small_norm_squared.size(), large_norm_squared.size());
  std::vector<double> scale(n, std::numeric_limits<double>::quiet_NaN());
  if (!BatchesMakeSense(small_batch, large_batch) || !(decay >= 0 && decay < 1)) return scale;
  // The bias correction of both averages is the same factor and cancels in the ratio.
  double gradient = 0, trace = 0;
  for (size_t i = 0; i < n; ++i) {
    const Parts parts = Split(small_batch, small_norm_squared[i], large_batch, large_norm_squared[i]);
    if (std::isfinite(parts.gradient_squared) && std::isfinite(parts.trace)) {
      gradient = decay * gradient + (1 - decay) * parts.gradient_squared;
      trace = decay * trace + (1 - decay) * parts.trace;
    }
    if (gradient > 0) scale[i] = trace / gradient;
  }
  return scale;
}

CriticalBatchEstimate NoiseScaleAtLoss(const CleanCurve& curve, double target_loss, double window,
                                       double confidence, uint64_t seed) {
  CriticalBatchEstimate estimate;
  estimate.definition = CriticalBatchDefinition::kNoiseScale;
  estimate.target_loss = target_loss;
  if (!(target_loss > 0) || !(window > 0) || !(confidence > 0 && confidence < 1)) {
    estimate.reason = "the target loss and the window must be positive, the confidence in (0, 1)";
    return estimate;
  }
  if (curve.gradient_noise_scale_tokens.empty()) {
    estimate.reason = "the curve carries no gradient noise scale";
    return estimate;
  }
  std::vector<double> near;
  for (size_t i = 0; i < curve.x.size(); ++i) {
    const double scale = curve.gradient_noise_scale_tokens[i];
    if (std::fabs(std::log(curve.smoothed_loss[i] / target_loss)) <= window && scale > 0 &&
        std::isfinite(scale)) {
      near.push_back(scale);
    }
  }
  if (near.size() < 3) {
    estimate.reason =
        std::to_string(near.size()) + " noise scales were measured near that loss; at least 3 are needed";
    return estimate;
  }
  constexpr int kReplicates = 500;
  std::vector<double> medians;
  for (int i = 0; i < kReplicates; ++i) {
    RandomStream random(seed, static_cast<uint64_t>(i));
    std::vector<double> drawn;
    for (size_t k = 0; k < near.size(); ++k) drawn.push_back(near[random.Index(near.size())]);
    medians.push_back(Quantile(std::move(drawn), 0.5));
  }
  estimate.answered = true;
  estimate.batch_size = {Quantile(near, 0.5), Quantile(medians, 0.5 * (1 - confidence)),
                         Quantile(medians, 0.5 * (1 + confidence))};
  estimate.warnings.push_back(
      "the noise scale is of the gradient, not of the optimizer's update: Adam's critical batch "
      "may differ from it");
  return estimate;
}

absl::StatusOr<LossPowerLaw> FitNoiseScaleLaw(std::span<const CleanCurve> curves, double confidence,
                                              int replicates, uint64_t seed) {
  if (!(confidence > 0 && confidence < 1) || replicates < 0 || replicates > 1'000'000) {
    return absl::InvalidArgumentError("confidence must lie in (0, 1) and replicates in [0, 1000000]");
  }
  std::vector<double> log_loss, log_scale;
  std::vector<size_t> curve_of;
  for (size_t c = 0; c < curves.size(); ++c) {
    const CleanCurve& curve = curves[c];
    for (size_t i = 0; i < curve.gradient_noise_scale_tokens.size(); ++i) {
      const double scale = curve.gradient_noise_scale_tokens[i];
      if (!(scale > 0) || !std::isfinite(scale)) continue;
      log_loss.push_back(std::log(curve.smoothed_loss[i]));
      log_scale.push_back(std::log(scale));
      curve_of.push_back(c);
    }
  }
  const size_t n = log_loss.size();
  if (n < 8) {
    return absl::FailedPreconditionError("the curves carry " + std::to_string(n) +
                                         " noise scales; at least 8 are needed for a law in the loss");
  }
  const double reference = Quantile(log_loss, 0.5);
  const double least = Quantile(log_loss, 0), greatest = Quantile(log_loss, 1);
  if (greatest - least < 0.02) {
    return absl::FailedPreconditionError(
        "the loss hardly moves where the noise scale was measured: alpha is not identifiable");
  }
  // ln B = p0 - p1 (ln L - reference), Huber on ln B: single measurements of the noise scale stray by
  // factors.
  const auto make = [&](const std::vector<double>& weight) {
    DenseProblem problem;
    problem.residuals = static_cast<int>(n);
    problem.parameters = 2;
    problem.evaluate = [&, weight](const double* p, double* r, double* jacobian) {
      for (size_t i = 0; i < n; ++i) {
        double slope = 1;
        const double distance = log_loss[i] - reference, scale = std::sqrt(weight[i]);
        r[i] = scale * HuberResidual(p[0] - p[1] * distance - log_scale[i], 0.1, &slope);
        if (jacobian == nullptr) continue;
        jacobian[2 * i] = scale * slope;
        jacobian[2 * i + 1] = -scale * slope * distance;
      }
      return true;
    };
    return problem;
  };
  const DenseProblem problem = make(std::vector<double>(n, 1.0));
  const DenseSolution best =
      SolveFromStarts(problem, {{Quantile(log_scale, 0.5), 2}, {Quantile(log_scale, 0.5), 6}});
  if (!best.converged || best.parameters[1] <= 0) {
    return absl::FailedPreconditionError("the noise scale does not grow as the loss falls in these curves");
  }
  LossPowerLaw law;
  const auto constants = [&](const std::vector<double>& p) {
    return std::pair(std::exp(p[0] + p[1] * reference), 1 / p[1]);
  };
  std::tie(law.b_star.value, law.alpha.value) = constants(best.parameters);
  law.lowest_loss = std::exp(least);
  law.highest_loss = std::exp(greatest);
  // Curves first, then stretches of a tenth of a curve: neighbouring measurements are not independent.
  constexpr size_t kStretches = 10;
  for (int i = 0; i < replicates; ++i) {
    RandomStream random(seed, static_cast<uint64_t>(i));
    std::vector<double> curve_count(curves.size(), 0.0);
    for (size_t c = 0; c < curves.size(); ++c) curve_count[random.Index(curves.size())] += 1;
    std::vector<double> stretch_count(curves.size() * kStretches, 0.0), weight(n);
    for (size_t c = 0; c < curves.size(); ++c) {
      for (size_t s = 0; s < kStretches; ++s) stretch_count[c * kStretches + random.Index(kStretches)] += 1;
    }
    size_t begin = 0;
    while (begin < n) {
      size_t end = begin;
      while (end < n && curve_of[end] == curve_of[begin]) ++end;
      for (size_t k = begin; k < end; ++k) {
        const size_t stretch = (k - begin) * kStretches / (end - begin);
        weight[k] = curve_count[curve_of[begin]] * stretch_count[curve_of[begin] * kStretches + stretch];
      }
      begin = end;
    }
    const DenseSolution drawn = SolveQuickly(make(weight), best.parameters, 40, 1e-9);
    if (drawn.parameters[1] <= 0) continue;
    const auto [b, alpha] = constants(drawn.parameters);
    law.b_star_draws.push_back(b);
    law.alpha_draws.push_back(alpha);
  }
  const auto bound = [&](BatchInterval& interval, const std::vector<double>& draws) {
    interval.low = draws.empty() ? interval.value : Quantile(draws, 0.5 * (1 - confidence));
    interval.high = draws.empty() ? interval.value : Quantile(draws, 0.5 * (1 + confidence));
  };
  bound(law.b_star, law.b_star_draws);
  bound(law.alpha, law.alpha_draws);
  return law;
}

}  // namespace sextant::fitting
