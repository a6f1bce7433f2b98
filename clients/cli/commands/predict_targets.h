// SPDX-License-Identifier: Apache-2.0
// predict --targets FILE: many targets from a table, answered by PredictBatch.
#pragma once

#include <string>

#include "clients/cli/session.h"
#include "sextant/v1/prediction_service.pb.h"

namespace sextant::cli {

/// Reads targets from `path` (- for standard input) into `request`, asks, and prints one row per target and
/// source: tables and CSV with a column a number, JSON with the quantities of Predict.
int RunTargets(Session& session, const std::string& path, v1::PredictBatchRequest request);

}  // namespace sextant::cli
