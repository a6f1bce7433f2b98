// SPDX-License-Identifier: Apache-2.0
// Gradient noise scale. McCandlish et al. 2018, arXiv 1812.06162, appendix A.1. Pure and thread-safe.
#ifndef SEXTANT_FITTING_CRITICAL_BATCH_NOISE_SCALE_H_
#define SEXTANT_FITTING_CRITICAL_BATCH_NOISE_SCALE_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/critical_batch/definitions.h"
#include "fitting/critical_batch/power_law.h"
#include "fitting/curve/curve.h"

namespace sextant::fitting {

struct NoiseScale {
  double gradient_squared = 0;  // |G|^2
  double trace_covariance = 0;  // tr(Sigma), in gradient^2 x batch unit
  double simple = 0;            // their ratio, B_simple
};

// From squared gradient norms measured at two batch sizes, unbiased. InvalidArgument unless 0 < small < large
// and the norms are positive; FailedPrecondition when the noise swamps the gradient (|G|^2 estimate <= 0).
absl::StatusOr<NoiseScale> NoiseScaleFromTwoBatches(double small_batch, double small_norm_squared,
                                                    double large_batch, double large_norm_squared);

// The same over a run: numerator and denominator are smoothed separately (exponential moving averages of
// weight `decay`, bias-corrected) before the ratio is taken, since the average of ratios is biased. One value
// a measurement, NaN until the denominator is positive.
std::vector<double> SmoothedNoiseScale(double small_batch, std::span<const double> small_norm_squared,
                                       double large_batch, std::span<const double> large_norm_squared,
                                       double decay = 0.99);

// The noise scale of a run near a loss: the median over the recorded values whose smoothed loss lies within
// `window` of ln target, with a bootstrap interval.
CriticalBatchEstimate NoiseScaleAtLoss(const CleanCurve& curve, double target_loss, double window = 0.05,
                                       double confidence = 0.9, uint64_t seed = 1);

// B_noise(L) = B_star / L^(1/alpha) through the recorded noise scales of all curves.
absl::StatusOr<LossPowerLaw> FitNoiseScaleLaw(std::span<const CleanCurve> curves, double confidence = 0.9,
                                              int replicates = 400, uint64_t seed = 1);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CRITICAL_BATCH_NOISE_SCALE_H_
