// SPDX-License-Identifier: Apache-2.0
// Points of scheduled curves and the pieces that both fits of schedule_fit.h share.
#ifndef SEXTANT_FITTING_CURVE_SCHEDULE_POINTS_H_
#define SEXTANT_FITTING_CURVE_SCHEDULE_POINTS_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/curve/schedule_fit.h"

namespace sextant::fitting {

inline constexpr double kScheduleHuber = 1e-3;

struct SchedulePoint {
  double s1 = 0, s2 = 0, loss = 0;  // sums after the step (TissueSums), loss
  size_t curve = 0, step = 0;
};

// Checks the curves and thins their points; fails as FitTissue says.
absl::StatusOr<std::vector<SchedulePoint>> GatherSchedulePoints(std::span<const ScheduledCurve> curves,
                                                                const ScheduleFitOptions& options,
                                                                size_t constants);

// Fills s1 and s2, and drops points before the first step with a learning rate.
void SetSums(std::span<const ScheduledCurve> curves, double lambda, size_t anneal_from,
             std::vector<SchedulePoint>& points);

// L0 and A of the power part alone by least squares, for one alpha: where starts begin.
struct PowerPart {
  double l0 = 0, a = 0;
};
PowerPart FitPowerPart(const std::vector<SchedulePoint>& points, double alpha);

// Warnings that every fit gives.
void WarnOfStarts(bool converged, int at_optimum, int starts, std::vector<std::string>& warnings);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_SCHEDULE_POINTS_H_
