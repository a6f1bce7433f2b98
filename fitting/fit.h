// One way to fit any law to a study: chooses the estimator family by what the law predicts.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fitting/fit_result.h"
#include "fitting/law/law.h"
#include "fitting/run_table.h"

namespace sextant::fitting {

struct FitRequest {
  std::string study_id, param_count, loss_unit;  ///< copied into the result's provenance
  std::string filter, holdout_filter;            ///< likewise, as given
  std::string estimator = "auto";     ///< for optima: "auto", "band", …; ignored by laws fitted to losses
  std::string loss;                   ///< "huber:1e-3", "squared", "absolute", …; empty: the law's own
                                      ///< for critical batches: the definition; "auto" is "hyperbola"
  double band = 0.0025;               ///< near-optimal band, relative excess loss
  std::vector<double> target_losses;  ///< critical batches: losses that batches race to; empty: chosen
  double overhead = 0.2;              ///< critical batches by overhead: the share of extra steps
  double overhead_anchor_tokens = 0;  ///< likewise: the batch scaled from; 0 takes the smallest measured
  std::int64_t bootstrap_replicates = 1000;  ///< 0: no intervals; at most 100 000
  std::uint64_t seed = 1;
  std::map<std::string, double> fixed_parameters;
  int threads = 0;                               ///< 0: whatever the calling TBB arena gives
  const std::atomic<bool>* cancelled = nullptr;  ///< checked between starts and replicates
  double deadline_seconds = 0;                   ///< 0: none
};

/// Every problem of the options, as "field: what is wrong"; empty when they are fine.
std::vector<std::string> ValidateFitRequest(const FitRequest& request, const LawSpec& law);

/// Fits `law` to `runs` (and scores `holdout`, which may be empty). Learning-rate and batch laws go to the
/// optimum estimators, all others to least squares on the runs' losses.
/// NotIdentifiable (refusal.h), naming the axis, when the design cannot tell;
/// InvalidArgument for options; Cancelled; DeadlineExceeded. Thread-safe; the same seed gives the same answer
/// at any thread count.
absl::StatusOr<FitResult> Fit(const std::shared_ptr<const Law>& law, const RunTable& runs,
                              const RunTable& holdout, const FitRequest& request);

}  // namespace sextant::fitting
