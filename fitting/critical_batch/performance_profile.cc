// SPDX-License-Identifier: Apache-2.0
#include "fitting/critical_batch/performance_profile.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "absl/status/status.h"

namespace sextant::fitting {

absl::StatusOr<std::vector<SubmissionScore>> ScoreSubmissions(const std::vector<TimeToGoal>& times,
                                                              double r_max) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  if (times.empty()) return absl::InvalidArgumentError("there are no times");
  if (!(r_max > 1) || !std::isfinite(r_max)) return absl::InvalidArgumentError("r_max must be above 1");
  std::map<std::string, std::map<std::string, double>> least;  // by workload, by submission
  std::set<std::string> submissions;
  for (const TimeToGoal& one : times) {
    if (one.time <= 0) return absl::InvalidArgumentError("a time of 0 or less, on workload " + one.workload);
    double& kept = least[one.workload].try_emplace(one.submission, kNever).first->second;
    if (std::isfinite(one.time)) kept = std::min(kept, one.time);
    submissions.insert(one.submission);
  }
  std::vector<SubmissionScore> scores;
  for (const std::string& name : submissions) {
    SubmissionScore& score = scores.emplace_back();
    score.submission = name;
    double gained = 0;
    for (const auto& [workload, by_submission] : least) {
      double best = kNever;
      for (const auto& [other, time] : by_submission) best = std::min(best, time);
      const auto own = by_submission.find(name);
      const double time = own == by_submission.end() ? kNever : own->second;
      const double ratio = std::isfinite(time) ? time / best : kNever;
      score.workloads.push_back({workload, time, ratio});
      // A step of height 1 at the ratio, integrated up to r_max.
      gained += std::max(0.0, r_max - ratio);
    }
    score.score = gained / ((r_max - 1) * static_cast<double>(least.size()));
  }
  std::stable_sort(scores.begin(), scores.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  return scores;
}

double PerformanceProfile(const SubmissionScore& submission, double tau) {
  const auto within = std::count_if(submission.workloads.begin(), submission.workloads.end(),
                                    [tau](const WorkloadRatio& workload) { return workload.ratio <= tau; });
  return static_cast<double>(within) / static_cast<double>(submission.workloads.size());
}

}  // namespace sextant::fitting
