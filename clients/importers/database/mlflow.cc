// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/database/mlflow.h"

#include <cmath>
#include <limits>

#include "clients/importers/limits.h"
#include "clients/importers/text.h"

namespace sextant::importers {

void SetMlflowState(std::string_view status, LogRun* log) {
  if (status == "3" || status == "FINISHED") log->SetEnd(ImportedState::kFinished);
  if (status == "4" || status == "FAILED" || status == "5" || status == "KILLED")
    log->SetEnd(ImportedState::kCrashed);
  if (status == "1" || status == "RUNNING" || status == "2" || status == "SCHEDULED")
    log->run().state = ImportedState::kRunning;
}

double MlflowValue(double stored) {
  return std::fabs(stored) >= std::numeric_limits<double>::max() ? std::copysign(INFINITY, stored) : stored;
}

void SetMlflowName(std::string_view name, LogRun* log) {
  if (!name.empty() && name.size() <= kMaxTextBytes && IsValidUtf8(name))
    log->run().tags["run_name"] = std::string(name);
}

}  // namespace sextant::importers
