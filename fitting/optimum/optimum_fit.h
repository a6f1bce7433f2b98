// Optimal learning rate and batch size from a sweep: one interface for every estimator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/run_table.h"

namespace sextant::fitting {

/// What the law predicts: the peak learning rate, or the batch in tokens per optimizer step.
enum class OptimumTarget : std::uint8_t { kLearningRate, kBatchSizeTokens };

/// The variables of the law `exp(log_c) * ...`; parameter names in law order.
enum class LawVariables : std::uint8_t {
  kParamsTokens,    ///< N^a D^b: log_c, a, b
  kParams,          ///< N^a: log_c, a
  kTokens,          ///< D^b: log_c, b
  kCompute,         ///< C^a with C = 6 N D: log_c, a
  kTokensPerParam,  ///< (D/N)^a: log_c, a
};

struct OptimumOptions {
  OptimumTarget target = OptimumTarget::kLearningRate;
  LawVariables variables = LawVariables::kParamsTokens;
  std::string estimator = "auto";  ///< one of EstimatorNames()
  double band = 0.0025;  ///< relative excess loss below which a run counts as near-optimal, in (0, 0.5]
  double grouping_tolerance = 0.003;  ///< relative; N, D and snapped rates closer than this are one value
  int replicates = 1000;              ///< bootstrap replicates, 0 to 100000; 0 means no intervals
  std::uint64_t seed = 1;
  std::function<bool()> cancelled;  ///< polled between replicates; may be empty; must be thread-safe
};

/// Smallest and largest recorded value among the runs used; NaN where no run records it.
struct FittedRange {
  double low;
  double high;
};

/// Cells whose best run sits on the lowest or highest value tried in that cell.
struct EdgeCounts {
  int learning_rate_lowest = 0;
  int learning_rate_highest = 0;
  int batch_lowest = 0;
  int batch_highest = 0;
};

/// A candidate of "auto": its weight (1 for the one chosen) and its held-out excess loss in percent, NaN
/// where the study is too small to tell.
struct EstimatorWeight {
  std::string estimator;
  double weight = 0;
  double held_out_excess_pct = 0;
};

/// A fitted law for one target. Plain numbers: everything a prediction needs is here, so a stored copy
/// predicts what the original did. Immutable once made; safe to read from many threads.
struct OptimumFit {
  OptimumTarget target = OptimumTarget::kLearningRate;
  LawVariables variables = LawVariables::kParamsTokens;
  std::string estimator;  ///< the estimator used: never "auto", but the one that auto chose

  /// The law's own parameters come first (`law_parameters` of them), then those of the loss surface, if the
  /// estimator has one, named `surface.*`, then `offset`: the log deviation of one cell's optimum from the
  /// law, 0 in the estimate and drawn in the replicates, so that intervals are for a cell and not for a mean.
  std::vector<std::string> parameter_names;
  std::vector<double> estimates;
  std::size_t law_parameters = 0;

  /// Row-major [replicate][parameter], columns as in `parameter_names`.
  std::vector<double> replicates;
  std::size_t replicate_count = 0;

  int runs_used = 0;        ///< runs that entered the final least squares
  int runs_eligible = 0;    ///< finished runs with the quantities the law needs
  int runs_diverged = 0;    ///< left out: diverged, crashed, still running or without a finite positive loss
  int runs_incomplete = 0;  ///< left out: a quantity the law needs is not recorded
  int cells = 0;            ///< (N, D) cells used
  EdgeCounts edges;

  double objective = 0;         ///< sum over runs of squared residuals at the estimate (never a mean)
  int starts = 1;               ///< solver starts
  int starts_at_optimum = 1;    ///< of which ended at the best objective
  double condition_number = 1;  ///< of the centred normal matrix with unit-norm columns
  double near_optimal_tolerance = 0.0025;  ///< relative excess loss that the two widths below belong to
  double near_optimal_low = 0;             ///< log offset (<= 0) of the lower end of the near-optimal band
  double near_optimal_high = 0;            ///< log offset (>= 0) of its upper end

  FittedRange params;
  FittedRange tokens;
  FittedRange learning_rate;
  FittedRange batch_size_tokens;

  std::vector<EstimatorWeight> members;  ///< what "auto" chose from; empty for a named estimator
  std::vector<std::string> warnings;

  std::size_t parameter_count() const { return parameter_names.size(); }
};

/// Names that OptimumOptions::estimator accepts, "auto" first.
const std::vector<std::string>& EstimatorNames();

/// Fits the law to the finished runs of `runs`. Deterministic in (runs, options) at any thread count;
/// replicates run in parallel on the calling thread's TBB arena. Thread-safe.
///
/// Errors: InvalidArgument for options out of range, an unknown estimator or ragged columns;
/// NotIdentifiable (refusal.h), naming the axis, when this design cannot determine the law; Cancelled.
absl::StatusOr<OptimumFit> FitOptimum(const RunTable& runs, const OptimumOptions& options);

}  // namespace sextant::fitting
