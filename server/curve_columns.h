// SPDX-License-Identifier: Apache-2.0
// Curves of a study as fits take them: points as rows, or whole with the rate of every step.
#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fitting/fit.h"
#include "server/run_curves.h"
#include "storage/snapshot.h"

namespace sextant::server {

/// Whether a law's variables are to be read from points of curves: one of the columns is "curve.step",
/// "curve.tokens", "curve.train_loss", "curve.validation_loss", "curve.learning_rate".
bool ReadsCurves(const std::map<std::string, std::string>& columns);

/// Points of the finished runs that meet `where`, a row each, thinned evenly to what a fit gains from; what a
/// run has one of is repeated. Rows of one run are a cell.
absl::StatusOr<std::shared_ptr<const fitting::DataColumns>> LoadCurveColumns(
    storage::Snapshot& snapshot, const std::string& study, const std::vector<storage::Condition>& where);

/// The same runs whole. Rates between recorded steps lie on the line between them; before the first, on the
/// line from zero to the end of the warm-up that the run records, else at its value.
absl::StatusOr<std::vector<fitting::ScheduledRun>> LoadScheduledRuns(
    storage::Snapshot& snapshot, const std::string& study, const std::vector<storage::Condition>& where);

}  // namespace sextant::server
