// SPDX-License-Identifier: Apache-2.0
// The runs of one design arranged in cells, and the two ways to read a cell. Internal to from_runs.h.
#ifndef SEXTANT_FITTING_CRITICAL_BATCH_CELLS_H_
#define SEXTANT_FITTING_CRITICAL_BATCH_CELLS_H_

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "fitting/critical_batch/from_runs.h"
#include "fitting/critical_batch/target_steps.h"
#include "fitting/curve/curve.h"

namespace sextant::fitting {

inline constexpr double kSameWithin = 0.003;  // sizes, horizons and batches that differ by less are one value

struct PreparedRun {
  const BatchRun* run = nullptr;
  double params = 0, tokens = 0, batch = 0;  // grouping keys
  CleanCurve curve;
  double final_loss = 0, final_error = 0;  // 0 when unknown
};

using ByBatch = std::map<double, std::vector<const PreparedRun*>>;

// Cleans the curves and snaps sizes, horizons and batches; diverged runs are left out. The runs must outlive
// the result.
std::vector<PreparedRun> PrepareRuns(std::span<const BatchRun> runs);

// Four significant digits, for messages.
std::string ShortNumber(double value);
void WarnOfEdge(const BestRate& best, double batch, std::set<std::string>& warnings);

// Tokens to the target of the middle batch; 0 without points.
double TokensOfTarget(const std::vector<StepsToTarget>& points);

// Every definition at the cell's points; `runs` are those that may carry noise scales.
void EstimateAll(const std::vector<const PreparedRun*>& runs, const FromRunsOptions& options,
                 CellCriticalBatch& cell);

// One (N, D) cell read along its curves; with `tokens` = kTokensOfTarget, one N, whose D is what reaching the
// target took (the middle batch). Points of all targets are appended to `all_points` under `group`.
inline constexpr double kTokensOfTarget = 0;
CellCriticalBatch AlongCurve(double params, double tokens, const ByBatch& batches, int group,
                             const FromRunsOptions& options, std::vector<StepsToTarget>& all_points);

// One N whose runs all stopped at one loss: the fewest steps of each batch.
CellCriticalBatch AtTheEnd(double params, const ByBatch& batches, int group, const FromRunsOptions& options,
                           std::vector<StepsToTarget>& all_points);

// All horizons of one size, read from final losses: one cell a horizon is appended, or one a target loss that
// was asked for.
void AcrossHorizons(double params, const ByBatch& batches, int group, const FromRunsOptions& options,
                    std::vector<CellCriticalBatch>& cells, std::vector<StepsToTarget>& all_points);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CRITICAL_BATCH_CELLS_H_
