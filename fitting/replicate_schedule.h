// SPDX-License-Identifier: Apache-2.0
// A law that sums over a schedule, for many parameter vectors at the end of one schedule.
#pragma once

#include <span>
#include <vector>

#include "fitting/law/law.h"

namespace sextant::fitting {

/// The loss after the last step of `learning_rates` for each row of `replicates` (count x the law's
/// parameters, row-major). The schedule is summed once for all rows; against EvaluateOnSchedule that merges
/// changes which lie close together (rate_changes.h), within 1e-5 of the loss. Empty where the law is of no
/// schedule. Pure.
std::vector<double> ReplicatesOnSchedule(const Law& law, std::span<const double> learning_rates,
                                         std::span<const double> replicates);

}  // namespace sextant::fitting
