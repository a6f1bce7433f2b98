// SPDX-License-Identifier: Apache-2.0
// The multi-power law at gathered points as a least-squares problem. Internal to multi_power_fit.cc.
#ifndef SEXTANT_FITTING_CURVE_MULTI_POWER_PROBLEM_H_
#define SEXTANT_FITTING_CURVE_MULTI_POWER_PROBLEM_H_

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "fitting/curve/dense_solver.h"
#include "fitting/curve/rate_changes.h"
#include "fitting/curve/schedule_fit.h"
#include "fitting/curve/schedule_points.h"

namespace sextant::fitting {

// Logarithms of L0, A, alpha, B, C, beta, gamma.
inline constexpr int kMultiPower = 7;
inline constexpr int kPriorRows = 3;

class MultiPowerPoints {
 public:
  // Copies what it needs.
  MultiPowerPoints(const std::vector<SchedulePoint>& points, const std::vector<RateChanges>& changes);

  size_t size() const { return log_s1_.size(); }
  // ln loss of every point; d ln loss / d parameters, row-major, unless null. False where a loss is not
  // positive.
  bool LogLosses(const double* parameters, double* log_loss, double* jacobian) const;

 private:
  std::vector<double> log_s1_;
  std::vector<size_t> begin_;  // of each point's changes; one more at the end
  std::vector<double> drop_, log_rate_, log_since_;
};

// What a problem is of, beside the points.
struct MultiPowerAim {
  std::vector<double> log_losses, root_weights;
  double delta = 1e-3, prior_variance = 0;
  double log_peak = 0;  // of all schedules
  MultiPowerPrior prior;
  std::array<double, kPriorRows> prior_shift{};  // in the prior's standard deviations; bootstrap
};

// The prior's three residuals in its standard deviations, and their derivatives (row-major) unless null.
void PriorResiduals(const MultiPowerAim& aim, const double* parameters, double* residuals, double* jacobian);

// `points` and `aim` must outlive the problem. Residuals: those of the points, then the prior's.
DenseProblem MultiPowerProblem(const MultiPowerPoints& points, const MultiPowerAim& aim);

MultiPowerLaw MultiPowerFromLogs(std::span<const double> parameters);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_MULTI_POWER_PROBLEM_H_
