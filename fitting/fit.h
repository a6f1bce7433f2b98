// SPDX-License-Identifier: Apache-2.0
// One way to fit any law to a study: what the law predicts decides how, and what of the study is needed.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "fitting/allocation/allocation_run.h"
#include "fitting/critical_batch/from_runs.h"
#include "fitting/curve/schedule_fit.h"
#include "fitting/data_columns.h"
#include "fitting/fit_result.h"
#include "fitting/law/law.h"
#include "fitting/refusal.h"
#include "fitting/run_table.h"

namespace sextant::fitting {

/// What only laws of the optimum take: learning rate, batch size, weight decay and beta2.
struct NearOptimalOptions {
  double band = 0.0025;  ///< near-optimal band, relative excess loss
};

/// What only laws of the critical batch take.
struct CriticalBatchOptions {
  std::vector<double> target_losses;  ///< losses that batches race to; empty: chosen
  double overhead = 0.2;              ///< by overhead: the share of extra steps
  double overhead_anchor_tokens = 0;  ///< likewise: the batch scaled from; 0 takes the smallest measured
};

/// Which losses a law of the loss is fitted to: every run's, or each cell's at its own best rate and batch.
/// kAuto is the second for studies that sweep settings: the loss that is predicted is then that at a good
/// setting.
enum class LossRuns : std::uint8_t { kAuto, kAll, kCellBest };

/// What only laws of the loss take.
struct LossOptions {
  LossRuns runs = LossRuns::kAuto;
};

/// What only laws of the compute-optimal N and D take.
struct ComputeOptimalOptions {
  std::string flops_count = "auto";  ///< one of FlopsCountNames()
};

/// Options of one kind of law; none of them: defaults.
using KindOptions = std::variant<std::monostate, NearOptimalOptions, CriticalBatchOptions, LossOptions,
                                 ComputeOptimalOptions>;

struct FitRequest {
  std::string study_id, param_count, loss_unit;  ///< copied into the result's provenance
  std::string filter, holdout_filter;            ///< likewise, as given
  std::string estimator = "auto";  ///< one of EstimatorsOf(law); ignored by laws fitted to losses
  std::string loss;                ///< "huber:1e-3", "squared", "absolute", …; empty: the law's own
  std::int64_t bootstrap_replicates = 1000;  ///< 0: no intervals; at most 100 000
  std::uint64_t seed = 1;
  std::map<std::string, double> fixed_parameters;
  /// By a law's variable, or "y" for what it predicts: the column it is read from (law_columns.h).
  std::map<std::string, std::string> columns;
  KindOptions options;                           ///< of another kind than the law's: refused
  int threads = 0;                               ///< 0: whatever the calling TBB arena gives
  const std::atomic<bool>* cancelled = nullptr;  ///< checked between starts and replicates
  double deadline_seconds = 0;                   ///< 0: none
};

/// The request's options of one kind, or their defaults.
template <typename Options>
Options OptionsOr(const FitRequest& request) {
  const auto* given = std::get_if<Options>(&request.options);
  return given != nullptr ? *given : Options();
}

/// One run with its curve, for laws of whole curves.
struct ScheduledRun {
  std::string run_id;
  double params = 0, batch_size_tokens = 0;  ///< NaN where unknown
  ScheduledCurve curve;                      ///< no rates where none are recorded
};

/// What a study gives to a fit. Whoever loads it asks NeedsOf which parts the law reads.
struct FitInput {
  RunTable runs = {};                ///< always
  RunTable holdout = {};             ///< kept back to score the fit; may be empty
  std::vector<BatchRun> races = {};  ///< the same runs with their curves, as races between batches
  std::vector<std::shared_ptr<const Law>> laws = {};  ///< that an average is of
  std::vector<AllocationRun> allocation = {};  ///< the same runs as laws of compute-optimal sizes read them
  std::vector<ScheduledRun> curves = {};  ///< the same runs with their curves, and the rate of every step
  /// In the place of runs: each row is an observation of what the law predicts.
  std::shared_ptr<const DataColumns> table = nullptr;
};

/// Beside the runs and the hold-out.
struct FitNeeds {
  bool races = false;
  bool laws = false;
  bool allocation = false;
  bool curves = false;
};

FitNeeds NeedsOf(const LawSpec& law);

/// Names that FitRequest::estimator may have for the law, "auto" first; empty where it is ignored.
const std::vector<std::string>& EstimatorsOf(const LawSpec& law);

/// Every problem of the options, as "field: what is wrong"; empty when they are fine.
std::vector<std::string> ValidateFitRequest(const FitRequest& request, const LawSpec& law);

/// Fits `law` to `input.runs` (or to `input.table`, row by row, when there is one) and scores the hold-out.
/// Learning-rate and batch laws go to the optimum estimators, those of weight decay and beta2 to the ones
/// that assume nothing of rates, those of the critical batch to its definitions, those of compute-optimal N
/// and D to the approaches of Hoffmann et al., those of schedules and trajectories to curves, those of the
/// loss to losses (loss_average.h), all others to least squares on what the runs record. NotIdentifiable
/// (refusal.h), naming the axis, when the design cannot tell; InvalidArgument for options; Cancelled;
/// DeadlineExceeded. Thread-safe; the same seed gives the same answer at any thread count.
absl::StatusOr<FitResult> Fit(const std::shared_ptr<const Law>& law, const FitInput& input,
                              const FitRequest& request);

}  // namespace sextant::fitting
