// SPDX-License-Identifier: Apache-2.0
// The estimators of optimal rate and batch: one entry each. Dispatch, validation, refusals and tests read it.
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <vector>

#include "fitting/optimum/cells.h"
#include "fitting/optimum/joint_surface.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting {

struct OptimumEstimator {
  const char* name;
  const char* summary;  ///< for people: what the law is fitted to
  /// True for estimators of rate and batch together: they need both quantities of every run.
  bool joint;
  absl::StatusOr<OptimumFit> (*fit)(const std::vector<optimum::Cell>& cells, optimum::Axes axes,
                                    const OptimumOptions& options);
};

/// In the order in which they are listed; "auto", which chooses among them, is not one.
std::span<const OptimumEstimator> OptimumEstimators();

/// nullptr when there is none of that name.
const OptimumEstimator* FindOptimumEstimator(const std::string& name);

/// "a, b or c": those that are joint, or those that are not.
std::string ListOptimumEstimators(bool joint);

}  // namespace sextant::fitting
