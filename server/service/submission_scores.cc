// SPDX-License-Identifier: Apache-2.0
#include "server/service/submission_scores.h"

#include <absl/strings/str_cat.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "fitting/critical_batch/performance_profile.h"
#include "server/convert/data_table.h"
#include "server/error.h"

namespace sextant::server {
namespace {

constexpr std::size_t kMostScored = 1000;  // submissions or workloads

/// A column as texts; what the rows are called by may be numbers too.
std::vector<std::string> ColumnOfNames(const DataTable& table, const std::string& given, const char* field,
                                       std::vector<FieldViolation>& violations) {
  const std::string name = given.empty() ? field : given;
  if (const auto texts = table.texts.find(name); texts != table.texts.end()) return texts->second;
  std::vector<std::string> names;
  if (const auto numbers = table.numbers.columns.find(name); numbers != table.numbers.columns.end()) {
    for (const double value : numbers->second) names.push_back(absl::StrCat(value));
    return names;
  }
  violations.push_back({field, absl::StrCat("the table has no column '", name, "'")});
  return names;
}

}  // namespace

absl::Status ScoreSubmissions(const v1::ScoreSubmissionsRequest& request,
                              v1::ScoreSubmissionsResponse& response) {
  std::vector<FieldViolation> violations;
  const DataTable table = DataTableFromProto(request.table(), violations);
  const std::vector<std::string> workloads = ColumnOfNames(table, request.workload(), "workload", violations);
  const std::vector<std::string> submissions =
      ColumnOfNames(table, request.submission(), "submission", violations);
  const std::string time_name = request.time().empty() ? "time" : request.time();
  const auto times = table.numbers.columns.find(time_name);
  if (times == table.numbers.columns.end())
    violations.push_back({"time", absl::StrCat("the table has no column '", time_name, "' of numbers")});
  const double r_max = request.has_r_max() ? request.r_max() : 4;
  if (!(r_max > 1) || !std::isfinite(r_max)) violations.push_back({"r_max", "must be above 1, and finite"});
  const std::set<std::string> of_workloads(workloads.begin(), workloads.end()),
      of_submissions(submissions.begin(), submissions.end());
  if (of_workloads.size() > kMostScored || of_submissions.size() > kMostScored)
    violations.push_back({"table", absl::StrCat("more than ", kMostScored, " workloads or submissions")});
  if (!violations.empty()) return InvalidFields(violations);
  std::vector<fitting::TimeToGoal> rows;
  for (std::size_t i = 0; i < table.rows; ++i)
    rows.push_back({workloads[i], submissions[i], times->second[i]});
  const auto scores = fitting::ScoreSubmissions(rows, r_max);
  if (!scores.ok()) return InvalidField("time", std::string(scores.status().message()));
  for (const fitting::SubmissionScore& score : *scores) {
    v1::SubmissionScore& out = *response.add_submissions();
    out.set_submission(score.submission);
    out.set_score(score.score);
    std::set<double> steps = {1, r_max};
    for (const fitting::WorkloadRatio& workload : score.workloads) {
      v1::WorkloadTime& one = *out.add_workloads();
      one.set_workload(workload.workload);
      if (!std::isfinite(workload.ratio)) continue;
      one.set_time(workload.time);
      one.set_ratio(workload.ratio);
      if (workload.ratio < r_max) steps.insert(workload.ratio);
    }
    for (const double ratio : steps) {
      v1::ProfilePoint& point = *out.add_profile();
      point.set_ratio(ratio);
      point.set_share(fitting::PerformanceProfile(score, ratio));
    }
  }
  return absl::OkStatus();
}

}  // namespace sextant::server
