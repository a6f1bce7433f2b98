// SPDX-License-Identifier: Apache-2.0
#include "server/fit_data.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "server/allocation_runs.h"
#include "server/batch_runs.h"
#include "server/curve_columns.h"
#include "server/exclusion.h"

namespace sextant::server {
namespace {

bool SpeaksOfState(const storage::Condition& condition) {
  return condition.field == "state" ||
         std::any_of(condition.children.begin(), condition.children.end(), &SpeaksOfState);
}

// Runs that have not ended count as such when they were asked for; otherwise how many there are.
std::size_t Unfinished(bool asked_for, fitting::RunTable* runs) {
  std::size_t count = 0;
  for (fitting::RunState& state : runs->state) {
    if (state != fitting::RunState::kRunning) continue;
    ++count;
    if (asked_for) state = fitting::RunState::kFinished;
  }
  return asked_for ? 0 : count;
}

}  // namespace

std::vector<std::string> LeftOut(const FitData& data) {
  std::vector<std::string> lines;
  if (data.unfinished > 0) {
    lines.push_back(absl::StrCat(
        data.unfinished,
        " runs are left out because they are RUNNING, or their log does not tell that they ended; the filter "
        "'state = RUNNING OR state = FINISHED' takes them"));
  }
  if (data.excluded > 0) lines.push_back(ExcludedWarning(data.excluded));
  return lines;
}

fitting::RunTable Without(const fitting::RunTable& table, const std::vector<std::string>& ids) {
  std::vector<bool> keep(table.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    keep[i] = !std::binary_search(ids.begin(), ids.end(), table.id[i]);
  }
  return fitting::SelectRows(table, keep);
}

absl::StatusOr<FitData> LoadFitData(storage::Snapshot& snapshot, const std::string& study,
                                    const std::vector<storage::Condition>& asked,
                                    const std::vector<storage::Condition>& holdout, fitting::FitNeeds needs,
                                    const std::map<std::string, std::string>& columns) {
  FitData data;
  ASSIGN_OR_RETURN(const Exclusion exclusion, WithoutExcluded(snapshot, study, asked));
  const std::vector<storage::Condition>& where = exclusion.where;
  data.excluded = exclusion.runs;
  if (ReadsCurves(columns)) {
    ASSIGN_OR_RETURN(data.input.table, LoadCurveColumns(snapshot, study, where));
    return data;
  }
  if (needs.curves) {
    ASSIGN_OR_RETURN(data.input.curves, LoadScheduledRuns(snapshot, study, where));
  }
  if (needs.races) {
    ASSIGN_OR_RETURN(data.input.races, LoadBatchRuns(snapshot, study, where, {"optimizer"}));
    RETURN_IF_ERROR(CheckOneGroup(data.input.races));
  }
  ASSIGN_OR_RETURN(auto runs, snapshot.LoadRunTable(study, where));
  const bool asked_for = std::any_of(where.begin(), where.end(), &SpeaksOfState);
  data.unfinished = Unfinished(asked_for, &runs);
  if (needs.allocation) {
    ASSIGN_OR_RETURN(data.input.allocation, LoadAllocationRuns(snapshot, study, where, asked_for));
  }
  if (holdout.empty()) {
    data.input.runs = std::move(runs);
    return data;
  }
  std::vector<storage::Condition> both = where;
  both.insert(both.end(), holdout.begin(), holdout.end());
  ASSIGN_OR_RETURN(auto kept_back, snapshot.LoadRunTable(study, both));
  Unfinished(asked_for, &kept_back);
  std::vector<std::string> ids = kept_back.id;
  std::sort(ids.begin(), ids.end());
  data.input.runs = Without(runs, ids);
  data.input.holdout = std::move(kept_back);
  return data;
}

}  // namespace sextant::server
