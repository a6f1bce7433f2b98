// SPDX-License-Identifier: Apache-2.0
#include <absl/time/clock.h>

#include <algorithm>

#include "fitting/families/family.h"

namespace sextant::fitting {
namespace {

// Laws of schedules and trajectories predict losses too: they come before the families of those.
const FitFamily* const kFamilies[] = {&kAllocationFamily,  &kCriticalBatchFamily, &kOtherOptimumFamily,
                                      &kOptimumFamily,     &kScheduleFamily,      &kTrajectoryFamily,
                                      &kLossAverageFamily, &kLossFamily,          &kLeastSquaresFamily};

}  // namespace

const FitFamily& FamilyOf(const LawSpec& law) {
  return **std::find_if(std::begin(kFamilies), std::end(kFamilies) - 1,
                        [&law](const FitFamily* family) { return family->answers(law); });
}

bool IsEstimator(const std::string& name) {
  if (name == "auto" || name == "least-squares") return true;
  return std::any_of(std::begin(kFamilies), std::end(kFamilies), [&name](const FitFamily* family) {
    const std::vector<std::string>& names = family->estimators();
    return std::find(names.begin(), names.end(), name) != names.end();
  });
}

absl::Time DeadlineOf(const FitRequest& request) {
  return request.deadline_seconds > 0 ? absl::Now() + absl::Seconds(request.deadline_seconds)
                                      : absl::InfiniteFuture();
}

}  // namespace sextant::fitting
