// SPDX-License-Identifier: Apache-2.0
// Predictions from a fitted law: pure functions of the numbers in an OptimumModel, so that a stored fit
// predicts what the original did. All are thread-safe.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting {

/// A predicted quantity in its own unit (learning rate, or tokens per step); NaN where there is no interval.
struct OptimumPrediction {
  double value;
  double low;  ///< lower end of the central interval over the replicates
  double high;
  double near_optimal_low;  ///< lower end of the near-optimal band at the fit's tolerance
  double near_optimal_high;
  double params_extrapolation;  ///< how far outside the fitted range, as a factor >= 1; 1 inside it
  double tokens_extrapolation;
};

/// The law at N = `params`, D = `tokens` (both finite, > 0), with the central `confidence` interval of the
/// optimum of a run there: every replicate is pushed through the law, parameters are never averaged. Rate and
/// batch are both free (the joint optimum).
OptimumPrediction PredictOptimum(const OptimumModel& fit, double params, double tokens,
                                 double confidence = 0.9);

/// The optimum of the fit's target while its partner is held: the rate at a fixed batch of `partner` tokens,
/// or the batch at a fixed rate. Differs from the joint optimum wherever `partner` is not optimal; its
/// exponent in D has often the other sign. FailedPrecondition if the estimator has no loss surface or the
/// sweep did not vary the partner.
absl::StatusOr<OptimumPrediction> PredictAtFixedPartner(const OptimumModel& fit, double params, double tokens,
                                                        double partner, double confidence = 0.9);

/// ends of the near-optimal band at a chosen relative excess loss, the partner at its own optimum.
/// FailedPrecondition if the estimator has no loss surface.
struct NearOptimalBand {
  double low;
  double high;
};
absl::StatusOr<NearOptimalBand> PredictNearOptimalBand(const OptimumModel& fit, double params, double tokens,
                                                       double tolerance);

/// The price of a choice, as relative excess loss over the loss at the unknown optimum (0.01 is 1 %).
struct Penalty {
  double expected;  ///< mean over replicates, kept within the interval; the value at the estimate without
  double low;       ///< central interval over replicates; NaN without
  double high;
};

/// Penalty of training (params, tokens) at `learning_rate` and `batch_size_tokens`. An axis that the sweep
/// did not vary is ignored. FailedPrecondition if the estimator has no loss surface.
absl::StatusOr<Penalty> PredictPenalty(const OptimumModel& fit, double params, double tokens,
                                       double learning_rate, double batch_size_tokens,
                                       double confidence = 0.9);

/// Penalties over a grid, row-major [learning rate][batch]. Holds about 100 bytes per replicate, whatever the
/// grid. `given_up`, if set, is asked every few milliseconds; once it says true the answer is Cancelled.
absl::StatusOr<std::vector<Penalty>> PredictPenaltyGrid(const OptimumModel& fit, double params, double tokens,
                                                        const std::vector<double>& learning_rates,
                                                        const std::vector<double>& batch_sizes_tokens,
                                                        double confidence = 0.9,
                                                        const std::function<bool()>& given_up = nullptr);

struct ParameterInterval {
  double low;
  double high;
};

/// Central `confidence` interval of each parameter over the replicates; empty without replicates.
std::vector<ParameterInterval> ParameterIntervals(const OptimumModel& fit, double confidence = 0.9);

}  // namespace sextant::fitting
