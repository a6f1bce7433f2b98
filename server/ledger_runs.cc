// SPDX-License-Identifier: Apache-2.0
#include "server/ledger_runs.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>

#include "base/status_macros.h"
#include "server/each_run.h"
#include "server/error.h"
#include "server/exclusion.h"
#include "server/limits.h"
#include "server/names.h"
#include "storage/run_fields.h"

namespace sextant::server {
namespace {

constexpr std::int64_t kLedgerPage = 1000;

bool Alike(double a, double b, double tolerance) {
  if (a == b) return true;
  if (!(a > 0) || !(b > 0)) return std::fabs(a - b) <= tolerance * std::max(std::fabs(a), std::fabs(b));
  return std::fabs(std::log(a / b)) <= std::log1p(tolerance);
}

std::string Differs(const char* what, double run, double forecast) {
  return absl::StrCat("its ", what, " is ", run, ", the forecast's ", forecast);
}

}  // namespace

LedgerRun AsLedgerRun(const storage::Run& run, const storage::Study& study) {
  return {run.id,
          run.*storage::ParamsMember(study.param_count),
          run.tokens,
          run.learning_rate,
          run.batch_size_tokens,
          run.loss,
          run.values,
          run.state,
          std::find(run.labels.begin(), run.labels.end(), kExcludedLabel) != run.labels.end(),
          run.create_time,
          run.update_time};
}

absl::StatusOr<std::vector<LedgerRun>> LoadLedgerRuns(storage::Snapshot& snapshot,
                                                      const storage::Study& study,
                                                      const std::vector<storage::Condition>& where) {
  storage::RunQuery query;
  query.study_id = study.id;
  query.where = where;
  query.limit = kLedgerPage;
  std::vector<LedgerRun> runs;
  RETURN_IF_ERROR(ForEachRun(snapshot, std::move(query), [&](const storage::Run& run) -> absl::Status {
    LedgerRun ledger = AsLedgerRun(run, study);
    if (!(ledger.params > 0) || !(ledger.tokens > 0)) return absl::OkStatus();
    if (runs.size() == kMaxRunsScored) {
      return QuotaExceeded("TOO_MANY_RUNS", StudyName(study.id),
                           absl::StrCat("more than ", kMaxRunsScored, " runs: filter them"), 0);
    }
    runs.push_back(std::move(ledger));
    return absl::OkStatus();
  }));
  std::stable_sort(runs.begin(), runs.end(),
                   [](const LedgerRun& a, const LedgerRun& b) { return a.params < b.params; });
  return runs;
}

std::span<const LedgerRun> NearIn(std::span<const LedgerRun> runs, double params, double tolerance) {
  // A hair wider than Alike, which decides.
  const double factor = (1 + tolerance) * (1 + 1e-9);
  const auto begin = std::lower_bound(runs.begin(), runs.end(), params / factor,
                                      [](const LedgerRun& run, double n) { return run.params < n; });
  const auto end = std::upper_bound(begin, runs.end(), params * factor,
                                    [](double n, const LedgerRun& run) { return n < run.params; });
  return {begin, end};
}

std::string RecipeDifference(const storage::Forecast& forecast, const LedgerRun& run,
                             const storage::Study& study, double tolerance) {
  if (!Alike(run.params, forecast.params, tolerance)) return Differs("N", run.params, forecast.params);
  if (!Alike(run.tokens, forecast.tokens, tolerance)) return Differs("D", run.tokens, forecast.tokens);
  if (!std::isnan(forecast.batch_size_tokens) &&
      !Alike(run.batch_size_tokens, forecast.batch_size_tokens, tolerance)) {
    return Differs("batch", run.batch_size_tokens, forecast.batch_size_tokens);
  }
  for (const auto& [name, value] : forecast.at) {
    const int place = storage::FindDeclared(study.declared, name);
    if (place < 0) continue;
    const auto at = static_cast<std::size_t>(place);
    const double own = at < run.values.size() ? run.values[at] : storage::kUnknown;
    if (!Alike(own, value, tolerance)) return Differs(name.c_str(), own, value);
  }
  return "";
}

std::string WhyUncounted(const storage::Forecast& forecast, const LedgerRun& run) {
  switch (run.state) {
    case fitting::RunState::kFinished:
      break;
    case fitting::RunState::kDiverged:
      return "it diverged";
    case fitting::RunState::kCrashed:
      return "it crashed";
    default:
      return "it has not finished";
  }
  if (!(run.loss > 0) || !std::isfinite(run.loss)) return "it has no loss";
  if (run.update_time < forecast.seal_time) return "finished before the forecast was sealed";
  if (run.excluded) return "it is excluded from fits";
  return "";
}

}  // namespace sextant::server
