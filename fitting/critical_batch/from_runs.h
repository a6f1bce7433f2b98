// SPDX-License-Identifier: Apache-2.0
// Critical batch from training runs: target losses are chosen, the steps to reach them are read off the
// curves at the best learning rate of each batch, and the definitions of from_steps.h are applied.
#ifndef SEXTANT_FITTING_CRITICAL_BATCH_FROM_RUNS_H_
#define SEXTANT_FITTING_CRITICAL_BATCH_FROM_RUNS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/critical_batch/definitions.h"
#include "fitting/critical_batch/from_steps.h"
#include "fitting/critical_batch/power_law.h"
#include "fitting/curve/curve.h"

namespace sextant::fitting {

struct BatchRun {
  std::string run_id;
  std::string group;  // "optimizer = adam": runs of different groups are no race
  double params = 0;
  double tokens = 0;  // the whole run's
  double batch_size_tokens = 0;
  double learning_rate = 0;  // peak; 0: not recorded
  double warmup_steps = 0;
  bool rate_is_constant = false;  // true: the loss along the curve is comparable at any step
  double final_loss = 0;          // 0: the last smoothed point of the curve
  LossCurve curve;                // may be empty when final losses at several horizons are given
};

// Where the steps to a target are read.
enum class TargetSource {
  kAlongCurve,      // first crossing on a run's own curve: right for constant rates
  kAcrossHorizons,  // final losses of runs with different horizons, interpolated: right for annealed runs
  kAtTheEnd,        // the whole length of runs that all stopped at one loss
};
// "along-curve", "across-horizons", "at-the-end".
const char* TargetSourceName(TargetSource source);

struct FromRunsOptions {
  FromStepsOptions steps;
  std::vector<double> target_losses;  // empty: chosen so that every batch reaches them
  int targets = 5;                    // how many to choose
};

// One (N, D) cell; one N, with the tokens that the target took, when every batch has its own horizon.
struct CellCriticalBatch {
  double params = 0, tokens = 0;
  TargetSource source = TargetSource::kAlongCurve;
  std::vector<StepsToTarget> points;       // at the best rate of each batch
  std::vector<double> best_learning_rate;  // one a point
  // Every definition that does not need a noise scale, and kNoiseScale where curves carry one; at the loss of
  // `points`.
  std::vector<CriticalBatchEstimate> estimates;
  std::vector<std::string> warnings;  // such as "best rate at the edge of the grid at batch 4096"
};

struct CriticalBatchReport {
  std::vector<CellCriticalBatch> cells;
  std::vector<std::string> warnings;
  // Over all cells that answered, one definition each; absent (empty forms) when there are too few.
  ScaleLaws hyperbola_scaling, overhead_scaling;
  std::string hyperbola_scaling_reason, overhead_scaling_reason;  // why it is absent
  bool has_loss_law = false;
  LossPowerLaw loss_law;          // B_crit(L), kHyperbola, jointly over the targets of all cells
  double loss_law_objective = 0;  // sum of squared weighted ln residuals
  std::string loss_law_reason;
  bool has_noise_scale_law = false;
  LossPowerLaw noise_scale_law;  // B_noise(L), kNoiseScale, when curves carry noise scales
  std::string noise_scale_law_reason;
};

// InvalidArgument for a run with a size, horizon or batch that is not positive and finite. Everything else
// that stands in the way of an answer is reported in the cell. Thread-safe; deterministic at any thread
// count.
absl::StatusOr<CriticalBatchReport> EstimateCriticalBatch(std::span<const BatchRun> runs,
                                                          const FromRunsOptions& options = {});

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CRITICAL_BATCH_FROM_RUNS_H_
