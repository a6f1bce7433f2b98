// SPDX-License-Identifier: Apache-2.0
// Scores of submissions (optimizers) over workloads by their times to a goal.
#ifndef SEXTANT_FITTING_CRITICAL_BATCH_PERFORMANCE_PROFILE_H_
#define SEXTANT_FITTING_CRITICAL_BATCH_PERFORMANCE_PROFILE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sextant::fitting {

struct TimeToGoal {
  std::string workload, submission;
  double time = 0;  // of any unit that all share; NaN or infinite: the goal was not reached
};

struct WorkloadRatio {
  std::string workload;
  double time = 0, ratio = 0;  // infinite where not reached
};

struct SubmissionScore {
  std::string submission;
  // (1 / (r_max - 1)) x the integral of the performance profile from 1 to r_max; 1 is best everywhere.
  double score = 0;
  std::vector<WorkloadRatio> workloads;  // every workload, by name
};

// AlgoPerf (Dahl et al. 2023, arXiv 2306.07179, section 4.6) after Dolan and More 2002: r = t / min t over
// the submissions of a workload; the profile of tau is the share of workloads with r <= tau. Several times of
// a submission on a workload are trials: the least counts. Workloads that nobody solves count against all.
// Best score first, then by name. InvalidArgument for nothing, a time of 0 or less, or r_max <= 1.
absl::StatusOr<std::vector<SubmissionScore>> ScoreSubmissions(const std::vector<TimeToGoal>& times,
                                                              double r_max = 4);

// Share of the submission's workloads with a ratio of at most tau.
double PerformanceProfile(const SubmissionScore& submission, double tau);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CRITICAL_BATCH_PERFORMANCE_PROFILE_H_
