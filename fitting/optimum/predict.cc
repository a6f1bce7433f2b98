// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/predict.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/give_up.h"
#include "base/quantile.h"
#include "fitting/optimum/form_spread.h"
#include "fitting/optimum/law_basis.h"
#include "fitting/optimum/surface_parameters.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

using optimum::Bowl;
using optimum::SurfaceReader;

/// A run that learned nothing loses the logarithm of its vocabulary, about 11, some five times what trained
/// runs do; penalties stop there.
const double kLargestLogExcess = std::log(5.0);

/// A surface takes some microseconds to read.
constexpr std::size_t kReplicatesBetweenChecks = 1024;

/// A replicate's loss surface at one (params, tokens).
struct PlacedBowl {
  Eigen::Vector2d centre;
  Bowl bowl;
};

absl::Status NoSurface(const OptimumModel& fit) {
  return absl::FailedPreconditionError(
      absl::StrCat("estimator '", fit.estimator,
                   "' has no loss surface; fit with 'regret', 'surface' or 'auto' for this answer"));
}

double OutsideFactor(const FittedRange& range, double value) {
  return std::max({1.0, value / range.high, range.low / value});
}

/// Value and interval; the near-optimal ends are left to the caller.
OptimumPrediction FromDraws(const OptimumModel& fit, double params, double tokens, double log_value,
                            std::vector<double>& draws, double confidence) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  OptimumPrediction prediction{std::exp(log_value), nan, nan, nan, nan, 1, 1};
  // A hedged law may lie on the safe side of all that the optimum is likely to be.
  if (!draws.empty()) {
    prediction.low = std::min(prediction.value, std::exp(Quantile(draws, (1 - confidence) / 2)));
    prediction.high = std::max(prediction.value, std::exp(Quantile(draws, (1 + confidence) / 2)));
  }
  prediction.params_extrapolation = OutsideFactor(fit.params, params);
  prediction.tokens_extrapolation = OutsideFactor(fit.tokens, tokens);
  return prediction;
}

}  // namespace

OptimumPrediction PredictOptimum(const OptimumModel& fit, double params, double tokens, double confidence) {
  const double log_params = std::log(params);
  const double log_tokens = std::log(tokens);
  const std::size_t columns = fit.parameter_count();
  const double value = optimum::EvaluateLogLaw(fit.variables, fit.estimates.data(), log_params, log_tokens);
  std::vector<double> draws(fit.replicate_count);
  const std::optional<std::size_t> bend = optimum::BendColumn(fit);
  const std::optional<std::size_t> beyond = optimum::BeyondColumn(fit);
  const double params_beyond = optimum::BeyondRange(fit.params, log_params);
  const double tokens_beyond = optimum::BeyondRange(fit.tokens, log_tokens);
  const optimum::LogVariables at = optimum::LawLogVariables(fit.variables, log_params, log_tokens);
  for (std::size_t r = 0; r < fit.replicate_count; ++r) {
    if (r % kReplicatesBetweenChecks == 0) CheckGivenUp();
    const double* row = fit.replicates.data() + r * columns;
    draws[r] = optimum::EvaluateLogLaw(fit.variables, row, log_params, log_tokens) + row[columns - 1];
    if (bend) {
      draws[r] += optimum::ReadBend(row + *bend).Value(at);
    }
    if (beyond) {
      draws[r] += row[*beyond] * params_beyond + row[*beyond + 1] * tokens_beyond;
    }
  }
  OptimumPrediction prediction = FromDraws(fit, params, tokens, value, draws, confidence);
  if (const absl::StatusOr<NearOptimalBand> band =
          PredictNearOptimalBand(fit, params, tokens, fit.near_optimal_tolerance);
      band.ok()) {
    prediction.near_optimal_low = std::min(prediction.value, band->low);
    prediction.near_optimal_high = std::max(prediction.value, band->high);
  } else {
    prediction.near_optimal_low = prediction.value * std::exp(fit.near_optimal_low);
    prediction.near_optimal_high = prediction.value * std::exp(fit.near_optimal_high);
  }
  return prediction;
}

absl::StatusOr<OptimumPrediction> PredictAtFixedPartner(const OptimumModel& fit, double params, double tokens,
                                                        double partner, double confidence) {
  const std::optional<SurfaceReader> surface = SurfaceReader::Make(fit);
  if (!surface) {
    return NoSurface(fit);
  }
  const std::string partner_name =
      fit.target == OptimumTarget::kLearningRate ? "batch_size_tokens" : "learning_rate";
  if (!surface->axes().rate || !surface->axes().batch) {
    return NotIdentifiable(
        absl::StrCat("the runs do not sweep ", partner_name, ", so nothing is known at another one"));
  }
  if (!(partner > 0) || !std::isfinite(partner)) {
    return absl::InvalidArgumentError(absl::StrCat(partner_name, " must be finite and above 0"));
  }
  const double log_params = std::log(params);
  const double log_tokens = std::log(tokens);
  const int axis = fit.target == OptimumTarget::kLearningRate ? 0 : 1;
  const auto at_fixed = [&](const double* row) {
    const Eigen::Vector2d centre = surface->Centre(row, log_params, log_tokens);
    return centre[axis] + surface->BowlAt(row, log_params, log_tokens)
                              .ConditionalOptimum(axis, std::log(partner) - centre[1 - axis]);
  };
  std::vector<double> draws(fit.replicate_count);
  for (std::size_t r = 0; r < fit.replicate_count; ++r) {
    if (r % kReplicatesBetweenChecks == 0) CheckGivenUp();
    draws[r] = at_fixed(fit.replicates.data() + r * fit.parameter_count());
  }
  const double value = at_fixed(fit.estimates.data());
  OptimumPrediction prediction = FromDraws(fit, params, tokens, value, draws, confidence);
  const Bowl bowl = surface->BowlAt(fit.estimates.data(), log_params, log_tokens);
  const double centre = surface->Centre(fit.estimates.data(), log_params, log_tokens)[axis];
  const double held =
      std::log(partner) - surface->Centre(fit.estimates.data(), log_params, log_tokens)[1 - axis];
  const std::array<double, 2> ends = bowl.NearConditional(axis, held, fit.near_optimal_tolerance);
  prediction.near_optimal_low = std::exp(centre + ends[0]);
  prediction.near_optimal_high = std::exp(centre + ends[1]);
  return prediction;
}

absl::StatusOr<NearOptimalBand> PredictNearOptimalBand(const OptimumModel& fit, double params, double tokens,
                                                       double tolerance) {
  const std::optional<SurfaceReader> surface = SurfaceReader::Make(fit);
  if (!surface) {
    return NoSurface(fit);
  }
  if (!(tolerance > 0 && tolerance <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat("tolerance ", tolerance, " is outside (0, 1]"));
  }
  const int axis = fit.target == OptimumTarget::kLearningRate ? 0 : 1;
  const double* row = fit.estimates.data();
  const double centre = surface->Centre(row, std::log(params), std::log(tokens))[axis];
  const std::array<double, 2> ends =
      surface->BowlAt(row, std::log(params), std::log(tokens)).NearConditional(axis, 0, tolerance);
  return NearOptimalBand{std::exp(centre + ends[0]), std::exp(centre + ends[1])};
}

absl::StatusOr<Penalty> PredictPenalty(const OptimumModel& fit, double params, double tokens,
                                       double learning_rate, double batch_size_tokens, double confidence) {
  const absl::StatusOr<std::vector<Penalty>> grid =
      PredictPenaltyGrid(fit, params, tokens, {learning_rate}, {batch_size_tokens}, confidence);
  if (!grid.ok()) {
    return grid.status();
  }
  return grid->front();
}

absl::StatusOr<std::vector<Penalty>> PredictPenaltyGrid(const OptimumModel& fit, double params, double tokens,
                                                        const std::vector<double>& learning_rates,
                                                        const std::vector<double>& batch_sizes_tokens,
                                                        double confidence,
                                                        const std::function<bool()>& given_up) {
  const std::optional<SurfaceReader> surface = SurfaceReader::Make(fit);
  if (!surface) {
    return NoSurface(fit);
  }
  const double log_params = std::log(params);
  const double log_tokens = std::log(tokens);
  // The surface of each replicate is the same at every point: read once. The last is that of the estimate.
  std::vector<PlacedBowl> bowls;
  bowls.reserve(fit.replicate_count + 1);
  for (std::size_t r = 0; r <= fit.replicate_count; ++r) {
    if (given_up && r % kReplicatesBetweenChecks == 0 && given_up()) {
      return absl::CancelledError("the penalties were given up");
    }
    const double* row =
        r < fit.replicate_count ? fit.replicates.data() + r * fit.parameter_count() : fit.estimates.data();
    bowls.push_back(
        {surface->Centre(row, log_params, log_tokens), surface->BowlAt(row, log_params, log_tokens)});
  }
  const auto excess = [&](const PlacedBowl& placed, double rate, double batch) {
    const Eigen::Vector2d offset(surface->axes().rate ? std::log(rate) - placed.centre[0] : 0,
                                 surface->axes().batch ? std::log(batch) - placed.centre[1] : 0);
    return std::expm1(std::min(placed.bowl.Value(offset), kLargestLogExcess));
  };
  std::vector<Penalty> penalties;
  std::vector<double> draws(fit.replicate_count);
  for (const double rate : learning_rates) {
    for (const double batch : batch_sizes_tokens) {
      if (given_up && given_up()) {
        return absl::CancelledError("the penalties were given up");
      }
      double sum = 0;
      for (std::size_t r = 0; r < fit.replicate_count; ++r) {
        sum += draws[r] = excess(bowls[r], rate, batch);
      }
      const double expected = fit.replicate_count > 0 ? sum / static_cast<double>(fit.replicate_count)
                                                      : excess(bowls.back(), rate, batch);
      const double low = Quantile(draws, (1 - confidence) / 2), high = Quantile(draws, (1 + confidence) / 2);
      // A mean outside its own interval is that of a few draws in the tails.
      penalties.push_back({fit.replicate_count > 0 ? std::clamp(expected, low, high) : expected, low, high});
    }
  }
  return penalties;
}

std::vector<ParameterInterval> ParameterIntervals(const OptimumModel& fit, double confidence) {
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
