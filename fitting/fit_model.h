// SPDX-License-Identifier: Apache-2.0
// What a fit knows beyond its report, by the kind of estimator behind it: enough to predict as it did.
// Plain data, immutable once made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

namespace sextant::fitting {

/// What a law of the optimum predicts: the peak learning rate, or the batch in tokens per optimizer step.
enum class OptimumTarget : std::uint8_t { kLearningRate, kBatchSizeTokens };

/// The variables of the law `exp(log_c) * ...`; parameter names in law order.
enum class LawVariables : std::uint8_t {
  kParamsTokens,    ///< N^a D^b: log_c, a, b
  kParams,          ///< N^a: log_c, a
  kTokens,          ///< D^b: log_c, b
  kCompute,         ///< C^a with C = 6 N D: log_c, a
  kTokensPerParam,  ///< (D/N)^a: log_c, a
};

/// log_c and one exponent per variable.
constexpr std::size_t LawParameterCount(LawVariables variables) {
  return variables == LawVariables::kParamsTokens ? 3 : 2;
}

/// Smallest and largest recorded value among the runs used; NaN where no run records it.
struct FittedRange {
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();
  friend bool operator==(const FittedRange&, const FittedRange&) = default;
};

/// A candidate of "auto": its weight (1 for the one chosen) and its held-out excess loss in percent, NaN
/// where the study is too small to tell.
struct EstimatorWeight {
  std::string estimator;
  double weight = 0;
  double held_out_excess_pct = 0;
};

/// A law fitted by least squares to critical batches, near-optimal runs or, before there was LossModel,
/// losses: its reported parameters and their replicates say everything.
struct LeastSquaresModel {};

/// A law in an average of loss laws.
struct LossMember {
  std::string law;    ///< its id
  double weight = 0;  ///< of ln(loss); the weights sum to 1
  double held_out_error =
      0;  ///< mean |predicted / observed - 1| at the largest scales, which its twin did not see
};

/// A law of the loss, fitted to the losses of runs: what the interval of the next run's loss needs beside the
/// replicates. Scales are ln of the product of N, D and C, those of them that the law has.
struct LossModel {
  bool cell_best = false;            ///< fitted to the optimum of each (N, D), not to every run
  std::int64_t runs_considered = 0;  ///< finished runs that the rows were made of
  double noise = 0;                  ///< sd of ln loss about the law among the larger half of the scales
  /// Of the largest scales, predicted by a fit that did not see them: mean |predicted / observed - 1|, NaN
  /// where too few rows are left without them; root mean square ln error.
  double held_out_error = std::numeric_limits<double>::quiet_NaN();
  double held_out_sd = 0;
  double held_out_reach = 0;  ///< their mean scale over the largest that was fitted
  double largest_scale = 0;
  /// The laws of an average, best held-out error first; empty for a law by itself. The fit's law is then
  /// their composition: the weights are its first parameters, in this order.
  std::vector<LossMember> members;
};

/// A law of the critical batch. FitReport::estimator names the definition that its cells were measured by.
struct CriticalBatchModel {};

/// A law of the compute-optimal N or D. FitReport::estimator names the approach; the law's variable C says
/// how FLOPs are counted.
struct AllocationModel {};

/// A log-linear law of the optimal weight decay or beta2: beside the law, the near-optimal region.
struct OtherOptimumModel {
  /// ln of the region's ends relative to the estimate (low <= 0 <= high); 0 when unknown.
  double near_optimal_log_low = 0, near_optimal_log_high = 0;
};

/// A log-linear law of the optimal rate or batch, with the loss surface behind it where the estimator has
/// one.
struct OptimumModel {
  std::string estimator;  ///< the one used: never "auto", but the one that auto chose
  OptimumTarget target = OptimumTarget::kLearningRate;
  LawVariables variables = LawVariables::kParamsTokens;

  /// The law's own parameters come first (`law_parameters` of them), then those of the loss surface, if the
  /// estimator has one, named `surface.*`, then `beyond.*`, what is added per ln of N and D outside the
  /// fitted range, then `offset`: the log deviation of one cell's optimum from the law, 0 in the estimate and
  /// drawn in the replicates, so that intervals are for a cell and not for a mean.
  std::vector<std::string> parameter_names;
  std::vector<double> estimates;
  std::size_t law_parameters = 0;

  /// Row-major [replicate][parameter], columns as in `parameter_names`.
  std::vector<double> replicates;
  std::size_t replicate_count = 0;

  double near_optimal_tolerance = 0.0025;  ///< relative excess loss that the two widths below belong to
  double near_optimal_low = 0;             ///< log offset (<= 0) of the lower end of the near-optimal band
  double near_optimal_high = 0;            ///< log offset (>= 0) of its upper end

  FittedRange params;
  FittedRange tokens;
  FittedRange learning_rate;
  FittedRange batch_size_tokens;

  std::vector<EstimatorWeight> members;  ///< what "auto" chose from; empty for a named estimator

  std::size_t parameter_count() const { return parameter_names.size(); }
};

/// monostate: no result yet (the fit runs, failed or was cancelled).
using FitModel = std::variant<std::monostate, LeastSquaresModel, CriticalBatchModel, OtherOptimumModel,
                              OptimumModel, LossModel, AllocationModel>;

}  // namespace sextant::fitting
