// Predictions from a fitted law: pure functions of the numbers in an OptimumFit.
#pragma once

#include <string>
#include <vector>

#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting {

/// A predicted quantity in its own unit (learning rate, or tokens per step); NaN where there is no interval.
struct OptimumPrediction {
  double value;
  double low;  ///< lower end of the central interval over the replicates
  double high;
  double near_optimal_low;  ///< lower end of the near-optimal band
  double near_optimal_high;
  double params_extrapolation;  ///< how far outside the fitted range, as a factor >= 1; 1 inside it
  double tokens_extrapolation;
};

/// The law at N = `params`, D = `tokens` (both finite, > 0), with the central `confidence` interval: every
/// replicate is pushed through the law, parameters are never averaged. Thread-safe.
OptimumPrediction PredictOptimum(const OptimumFit& fit, double params, double tokens,
                                 double confidence = 0.9);

struct ParameterInterval {
  double low;
  double high;
};

/// Central `confidence` interval of each parameter over the replicates; empty without replicates.
std::vector<ParameterInterval> ParameterIntervals(const OptimumFit& fit, double confidence = 0.9);

/// The p-quantile of `values` (linear between order statistics), which it reorders. NaN if empty.
double Quantile(std::vector<double>& values, double p);

}  // namespace sextant::fitting
