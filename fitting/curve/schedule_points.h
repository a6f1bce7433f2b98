// SPDX-License-Identifier: Apache-2.0
// Points of scheduled curves and the pieces that both fits of schedule_fit.h share.
#ifndef SEXTANT_FITTING_CURVE_SCHEDULE_POINTS_H_
#define SEXTANT_FITTING_CURVE_SCHEDULE_POINTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/curve/schedule_fit.h"

namespace sextant::fitting {

// Neighbouring points of a curve as one.
struct SchedulePoint {
  double s1 = 0, s2 = 0;  // sums after the step (TissueSums)
  double loss = 0;        // robust geometric mean of the points'
  double weight = 1;      // points behind it over those behind a full one
  size_t curve = 0, step = 0;
};

// Checks the curves and gathers their points: all of them enter, at most about `points_per_curve` values a
// curve, finer where the loss bends (the beginning, and after a sudden change of the rate). Fails as
// FitTissue says.
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

// How far points scatter about a law, from standardised residuals sqrt(weight) ln(law / loss).
struct ScheduleScatter {
  // Where Huber's loss turns linear: 1.345 robust standard deviations (95 % as efficient as least squares on
  // Gaussian noise), at least the papers' 1e-3, which suits curves that are smoothed.
  double delta = 1e-3;
  // Squared standard error that a point brings to an estimate, with what neighbours of a curve share: what a
  // prior's squares are scaled by to stand beside the residuals'.
  double variance = 0;
};
ScheduleScatter MeasureScatter(const std::vector<SchedulePoint>& points, std::span<const double> residuals,
                               size_t constants);

// One bootstrap replicate of ln losses: `log_law` plus the residuals `log_loss - log_law`, whose sign is
// drawn for blocks of neighbouring points of a curve (wild bootstrap; blocks keep what neighbours share).
std::vector<double> DrawLogLosses(const std::vector<SchedulePoint>& points, std::span<const double> log_law,
                                  size_t constants, uint64_t seed, uint64_t replicate);

// Warnings that every fit gives.
void WarnOfStarts(bool converged, int at_optimum, int starts, std::vector<std::string>& warnings);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_SCHEDULE_POINTS_H_
