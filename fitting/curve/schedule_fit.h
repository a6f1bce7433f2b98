// SPDX-License-Identifier: Apache-2.0
// Fits the schedule-aware laws of schedule.h to loss curves. Sum of Huber losses over ln residuals, as both
// papers have it, with delta = max(1e-3, 1.345 robust standard deviations): the papers' 1e-3 is for curves
// that are smoothed. Every point enters; neighbours are gathered into their robust mean first
// (schedule_points.h).
#ifndef SEXTANT_FITTING_CURVE_SCHEDULE_FIT_H_
#define SEXTANT_FITTING_CURVE_SCHEDULE_FIT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/curve/schedule.h"

namespace sextant::fitting {

// One run: the rate of every step, and the loss after some of them.
struct ScheduledCurve {
  std::vector<double> learning_rate;
  std::vector<size_t> step;  // 0-based indices into learning_rate, ascending
  std::vector<double> loss;  // as many
};

struct ScheduleFitOptions {
  double lambda = 0;              // Tissue's decay; 0 chooses among 0.99 to 0.9998 by the objective
  size_t anneal_from = 0;         // Tissue: changes up to this step (the warm-up) do not count as annealing
  size_t points_per_curve = 150;  // about how many values a curve's points are gathered into
  int replicates = 0;             // of the bootstrap: blocks of neighbouring residuals change their sign
  uint64_t seed = 1;
};

struct TissueFit {
  TissueLaw law;
  std::vector<TissueLaw> replicates;  // lambda is that of `law` in all
  double objective = 0;               // sum of Huber losses of the gathered values
  double delta = 0;                   // Huber's
  double relative_error = 0;          // mean |predicted / observed - 1| over the points fitted
  bool converged = false;
  int starts = 0, starts_at_optimum = 0;
  std::vector<std::string> warnings;
};
// InvalidArgument for curves that are malformed; FailedPrecondition, naming what is missing, when the rate
// never falls (C is then not identifiable) or there are fewer points than constants.
absl::StatusOr<TissueFit> FitTissue(std::span<const ScheduledCurve> curves,
                                    const ScheduleFitOptions& options = {});

// What is known of the multi-power law's memory before any curve: C, beta and gamma of the three published
// fits (Luo et al. 2025, table of the 25M, 100M and 400M models), which curves that never fall suddenly
// hardly tell. In steps at the peak rate until C eta^-gamma S is 1, in beta and in gamma; means and widths of
// ln. The widths are four to fifteen times the scatter of the three, and the pull of a prior that the curves
// contradict is bounded: where they tell, it is not felt.
struct MultiPowerPrior {
  double log_steps = 2.164, log_steps_sd = 0.5;   // 8.88, 7.69 and 9.56 steps
  double log_beta = -0.524, log_beta_sd = 0.2;    // 0.583, 0.598 and 0.594
  double log_gamma = -0.441, log_gamma_sd = 0.2;  // 0.641, 0.655 and 0.635
};

struct MultiPowerFit {
  MultiPowerLaw law;
  std::vector<MultiPowerLaw> replicates;
  double objective = 0;       // sum of Huber losses of the gathered values, and of the prior
  double delta = 0;           // Huber's
  double relative_error = 0;  // mean |predicted / observed - 1| over at most 300 points of each curve
  // The largest posterior variance among the prior's three directions, in units of the prior's: near 1 the
  // curves say nothing about how a sudden fall acts, near 0 the prior says nothing.
  double prior_share = 0;
  bool converged = false;
  int starts = 0, starts_at_optimum = 0;
  std::vector<std::string> warnings;
};
// The same for the multi-power law.
absl::StatusOr<MultiPowerFit> FitMultiPower(std::span<const ScheduledCurve> curves,
                                            const ScheduleFitOptions& options = {});

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_SCHEDULE_FIT_H_
