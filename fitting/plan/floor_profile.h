// SPDX-License-Identifier: Apache-2.0
// How much a projection moves with a loss law's floor while the fit stays within its likelihood region.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "fitting/fit.h"

namespace sextant::fitting {

struct FloorPoint {
  double floor = 0, objective = 0;
  double deviance = 0;  ///< twice the log likelihood below the best
  double loss = 0;      ///< at the target
  bool inside = false;
};

struct FloorProfile {
  double floor = 0, loss = 0;                                         ///< of the free fit
  double floor_low = 0, floor_high = 0, loss_low = 0, loss_high = 0;  ///< over the region
  std::vector<FloorPoint> points;                                     ///< by floor
  std::vector<std::string> warnings;
};

/// Refits `law`, which predicts a loss and has a parameter E, with E held at `points` values between 0 and
/// the lowest loss. The region holds the floors whose deviance is at most that of `confidence` under an F
/// distribution with 1 and n - p degrees of freedom. Only the law, its loss and its fixed parameters are read
/// of `request`. NotIdentifiable when there are no more runs than free parameters: then every floor fits.
absl::StatusOr<FloorProfile> ProfileFloor(const std::shared_ptr<const Law>& law, const RunTable& runs,
                                          const FitRequest& request, double params, double tokens,
                                          double confidence, int points);

}  // namespace sextant::fitting
