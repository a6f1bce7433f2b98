// SPDX-License-Identifier: Apache-2.0
#include "server/batch_runs.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "server/run_curves.h"
#include "server/run_groups.h"

namespace sextant::server {
namespace {

constexpr std::size_t kMaxRuns = 20'000;

/// By what the run says of its schedule; where it says nothing, by the rates that its curve carries: constant
/// when they never fall once the peak is reached.
bool RateIsConstant(const storage::Run& run, const fitting::LossCurve& curve) {
  if (!run.schedule.empty()) return run.schedule == "constant";
  const std::vector<double>& rates = curve.learning_rate;
  if (rates.size() < 3) return false;
  const auto peak = std::max_element(rates.begin(), rates.end());
  return std::all_of(peak, rates.end(), [&](double rate) { return rate >= 0.99 * *peak; });
}

}  // namespace

absl::StatusOr<std::vector<fitting::BatchRun>> LoadBatchRuns(storage::Snapshot& snapshot,
                                                             const std::string& study,
                                                             const std::vector<storage::Condition>& where,
                                                             const std::vector<std::string>& group_names) {
  ASSIGN_OR_RETURN(const storage::Study described, snapshot.GetStudy(study));
  ASSIGN_OR_RETURN(auto loaded, LoadRunCurves(snapshot, study, where, kMaxRuns));
  std::vector<fitting::BatchRun> runs;
  for (RunCurve& each : loaded) {
    const storage::Run& run = each.run;
    const bool usable = run.state == fitting::RunState::kFinished && each.params > 0 && run.tokens > 0 &&
                        run.batch_size_tokens > 0;
    if (!usable) continue;
    fitting::BatchRun batch_run;
    batch_run.run_id = run.id;
    batch_run.group = GroupText(GroupOf(run, described, group_names));
    batch_run.params = each.params;
    batch_run.tokens = run.tokens;
    batch_run.batch_size_tokens = run.batch_size_tokens;
    if (run.learning_rate > 0) batch_run.learning_rate = run.learning_rate;
    if (std::isfinite(run.warmup_steps)) batch_run.warmup_steps = run.warmup_steps;
    batch_run.rate_is_constant = RateIsConstant(run, each.curve);
    if (std::isfinite(run.loss)) batch_run.final_loss = run.loss;
    batch_run.curve = std::move(each.curve);
    runs.push_back(std::move(batch_run));
  }
  return runs;
}

absl::Status CheckOneGroup(const std::vector<fitting::BatchRun>& runs) {
  std::set<std::string> groups;
  for (const fitting::BatchRun& run : runs) groups.insert(run.group);
  if (groups.size() <= 1) return absl::OkStatus();
  std::string names;
  for (const std::string& group : groups)
    absl::StrAppend(&names, names.empty() ? "" : "; ", group.empty() ? "unknown" : group);
  return absl::FailedPreconditionError(absl::StrCat(
      "the runs are of ", groups.size(), " groups, which are not pooled into one critical batch (", names,
      "): choose one with a filter, as optimizer = adam"));
}

}  // namespace sextant::server
