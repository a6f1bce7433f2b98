// SPDX-License-Identifier: Apache-2.0
// Runs with their curves, for analyses that read whole curves.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "fitting/curve/curve.h"
#include "storage/snapshot.h"

namespace sextant::server {

/// A run with N in the study's own counting.
struct RunCurve {
  storage::Run run;
  double params = 0;
  fitting::LossCurve curve;  ///< empty columns where nothing was recorded
};

/// As the curve functions take it.
fitting::LossCurve ToLossCurve(storage::Curve curve);

/// Runs of the study that meet `where`, with curves, ordered by id. RESOURCE_EXHAUSTED (TOO_MANY_RUNS) beyond
/// `limit` runs, since curves are held in memory.
absl::StatusOr<std::vector<RunCurve>> LoadRunCurves(storage::Snapshot& snapshot, const std::string& study,
                                                    const std::vector<storage::Condition>& where,
                                                    std::size_t limit);

/// The same for one run.
absl::StatusOr<RunCurve> LoadRunCurve(storage::Snapshot& snapshot, const std::string& study,
                                      const std::string& run);

}  // namespace sextant::server
