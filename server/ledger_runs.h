// SPDX-License-Identifier: Apache-2.0
// The runs of a study as the ledger reads them, and which of them a forecast is about.
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "storage/snapshot.h"

namespace sextant::server {

struct LedgerRun {
  std::string id;
  double params = 0, tokens = 0;  ///< N as the study counts it
  double learning_rate = 0, batch_size_tokens = 0, loss = 0;
  std::vector<double> values;  ///< of declared columns
  fitting::RunState state = fitting::RunState::kUnspecified;
  bool excluded = false;
  storage::Micros create_time = 0, update_time = 0;
};

/// The run as the ledger reads it.
LedgerRun AsLedgerRun(const storage::Run& run, const storage::Study& study);

/// Ordered by N. Runs without N or D are no target of any forecast and left out. RESOURCE_EXHAUSTED beyond
/// kMaxRunsScored.
absl::StatusOr<std::vector<LedgerRun>> LoadLedgerRuns(storage::Snapshot& snapshot,
                                                      const storage::Study& study,
                                                      const std::vector<storage::Condition>& where);

/// Those whose N is within `tolerance` of the forecast's: a part of `runs`.
std::span<const LedgerRun> NearIn(std::span<const LedgerRun> runs, double params, double tolerance);

/// How the run's recipe differs from what the forecast was asked for, by more than `tolerance` (a share); ""
/// where it does not. Compared are N, D, a batch or rate that was fixed, and variables that the study
/// declares.
std::string RecipeDifference(const storage::Forecast& forecast, const LedgerRun& run,
                             const storage::Study& study, double tolerance);

/// Why a run at the target tells nothing of the forecast; "" where it does.
std::string WhyUncounted(const storage::Forecast& forecast, const LedgerRun& run);

}  // namespace sextant::server
