// SPDX-License-Identifier: Apache-2.0
// The learning rate of every step of a schedule that a request describes.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "sextant/v1/law_service.pb.h"

namespace sextant::server {

/// InvalidArgument, under `field`, for what makes no schedule, or more than kMaxEvaluatedSteps.
absl::StatusOr<std::vector<double>> RatesOf(const v1::LearningRateSchedule& schedule,
                                            const std::string& field);

}  // namespace sextant::server
