// SPDX-License-Identifier: Apache-2.0
// How the FLOPs of runs are counted: always by name, never silently 6 N D.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "fitting/allocation/allocation_run.h"

namespace sextant::fitting {

/// "auto" and the definitions, as requests name them.
const std::vector<std::string>& FlopsCountNames();

/// FLOPs of every run by one definition.
struct CountedFlops {
  std::string name;           ///< the definition used, never "auto"
  std::string description;    ///< for people
  std::vector<double> flops;  ///< one a run; NaN where the run lacks what the definition needs
  bool six_nd = false;        ///< they are 6 N D with the study's own N, however they were counted
  std::vector<std::string> warnings;
};

/// InvalidArgument for a name that is none. FailedPrecondition when "auto" would have to mix definitions, or
/// no run records what the definition needs.
absl::StatusOr<CountedFlops> CountFlops(const std::vector<AllocationRun>& runs, const std::string& name,
                                        const std::string& study_counting);

}  // namespace sextant::fitting
