#include "fitting/optimum/predict.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fitting/optimum/law_basis.h"

namespace sextant::fitting {
namespace {

double OutsideFactor(const FittedRange& range, double value) {
  return std::max({1.0, value / range.high, range.low / value});
}

}  // namespace

double Quantile(std::vector<double>& values, double p) {
  if (values.empty()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const double position = std::clamp(p, 0.0, 1.0) * static_cast<double>(values.size() - 1);
  const auto lower = values.begin() + static_cast<std::ptrdiff_t>(std::floor(position));
  std::nth_element(values.begin(), lower, values.end());
  const double fraction = position - std::floor(position);
  if (fraction == 0 || lower + 1 == values.end()) {
    return *lower;
  }
  return *lower + fraction * (*std::min_element(lower + 1, values.end()) - *lower);
}

OptimumPrediction PredictOptimum(const OptimumFit& fit, double params, double tokens, double confidence) {
  const double log_params = std::log(params);
  const double log_tokens = std::log(tokens);
  const std::size_t columns = fit.parameter_count();
  const double centre = optimum::EvaluateLogLaw(fit.variables, fit.estimates.data(), log_params, log_tokens);
  std::vector<double> draws(fit.replicate_count);
  for (std::size_t r = 0; r < fit.replicate_count; ++r) {
    const double* row = fit.replicates.data() + r * columns;
    draws[r] = optimum::EvaluateLogLaw(fit.variables, row, log_params, log_tokens) + row[columns - 1];
  }
  OptimumPrediction prediction;
  prediction.value = std::exp(centre);
  prediction.low = std::exp(Quantile(draws, (1 - confidence) / 2));
  prediction.high = std::exp(Quantile(draws, (1 + confidence) / 2));
  prediction.near_optimal_low = std::exp(centre + fit.near_optimal_low);
  prediction.near_optimal_high = std::exp(centre + fit.near_optimal_high);
  prediction.params_extrapolation = OutsideFactor(fit.params, params);
  prediction.tokens_extrapolation = OutsideFactor(fit.tokens, tokens);
  return prediction;
}

std::vector<ParameterInterval> ParameterIntervals(const OptimumFit& fit, double confidence) {
  std::vector<ParameterInterval> intervals;
  if (fit.replicate_count == 0) {
    return intervals;
  }
  std::vector<double> column(fit.replicate_count);
  for (std::size_t k = 0; k < fit.parameter_count(); ++k) {
    for (std::size_t r = 0; r < fit.replicate_count; ++r) {
      column[r] = fit.replicates[r * fit.parameter_count() + k];
    }
    intervals.push_back({Quantile(column, (1 - confidence) / 2), Quantile(column, (1 + confidence) / 2)});
  }
  return intervals;
}

}  // namespace sextant::fitting
