// SPDX-License-Identifier: Apache-2.0
// What MLflow's two stores have in common.
#pragma once

#include <string>
#include <string_view>

#include "clients/importers/log/log_run.h"
#include "clients/importers/run_record.h"

namespace sextant::importers {

/// A run's status: a word in databases, a number in meta.yaml (1 running, 2 scheduled, 3 finished, 4 failed,
/// 5 killed).
void SetMlflowState(std::string_view status, LogRun* log);

/// A value as it was logged: MLflow keeps infinities as the largest finite numbers.
double MlflowValue(double stored);

/// Tags that are kept: the run's own name. MLflow's bookkeeping is not.
void SetMlflowName(std::string_view name, LogRun* log);

}  // namespace sextant::importers
