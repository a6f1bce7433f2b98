// SPDX-License-Identifier: Apache-2.0
// Optimal learning rate and batch size from a sweep: one interface for every estimator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/fit_model.h"
#include "fitting/run_table.h"

namespace sextant::fitting {

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

/// Cells whose best run sits on the lowest or highest value tried in that cell.
struct EdgeCounts {
  int learning_rate_lowest = 0;
  int learning_rate_highest = 0;
  int batch_lowest = 0;
  int batch_highest = 0;
};

/// A fitted law for one target: its model, and the report of how it was found. Immutable once made; safe to
/// read from many threads.
struct OptimumFit : OptimumModel {
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

  std::vector<std::string> warnings;
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
