// SPDX-License-Identifier: Apache-2.0
// What the published laws of the joint optimum say together, corrected by the runs of a study.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "fitting/design/optimum_belief.h"
#include "fitting/predict.h"
#include "server/law_table.h"
#include "storage/snapshot.h"

namespace sextant::server {

/// Published laws that tune rate and batch together; laws of a fixed batch, of mu-parametrised or of
/// schedule-free rates are others.
struct Literature {
  std::vector<fitting::design::PriorLaw> laws;
  std::vector<std::string> names;
};

/// The laws as planes about `centre`.
Literature LiteratureAt(const LawTable::Snapshot& laws, const fitting::design::Scale& centre);

/// Runs of a study that sweep rate and batch: finished ones with their losses, those under way without.
struct SweepRuns {
  std::vector<fitting::design::SweepRun> runs;
  int finished = 0, pending = 0;
};
absl::StatusOr<SweepRuns> LoadSweepRuns(storage::Snapshot& snapshot, const storage::Study& study,
                                        const std::vector<storage::Condition>& where);

/// The belief's ground: the runs and the literature about their centre (about `target` without runs).
fitting::design::BeliefData MakeBelief(const LawTable::Snapshot& laws,
                                       std::vector<fitting::design::SweepRun> runs,
                                       const fitting::design::Scale& target, std::vector<std::string>* names);

/// Rate and batch at the target as a prediction whose law is "consensus".
fitting::Prediction PredictFromLiterature(const LawTable::Snapshot& laws, const SweepRuns& runs,
                                          const fitting::PredictionTarget& target);

}  // namespace sextant::server
