// SPDX-License-Identifier: Apache-2.0
// Fits the schedule-aware laws of schedule.h to loss curves. Sum of Huber(1e-3) over ln residuals, as both
// papers have it.
#ifndef SEXTANT_FITTING_CURVE_SCHEDULE_FIT_H_
#define SEXTANT_FITTING_CURVE_SCHEDULE_FIT_H_

#include <cstddef>
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
  size_t points_per_curve = 150;  // more are thinned, evenly
};

struct TissueFit {
  TissueLaw law;
  double objective = 0;       // sum of Huber losses
  double relative_error = 0;  // mean |predicted / observed - 1| over the points fitted
  bool converged = false;
  int starts = 0, starts_at_optimum = 0;
  std::vector<std::string> warnings;
};
// InvalidArgument for curves that are malformed; FailedPrecondition, naming what is missing, when the rate
// never falls (C is then not identifiable) or there are fewer points than constants.
absl::StatusOr<TissueFit> FitTissue(std::span<const ScheduledCurve> curves,
                                    const ScheduleFitOptions& options = {});

struct MultiPowerFit {
  MultiPowerLaw law;
  double objective = 0;
  double relative_error = 0;  // of the exact law, not of the merged schedule it was fitted on
  bool converged = false;
  int starts = 0, starts_at_optimum = 0;
  std::vector<std::string> warnings;
};
// The same for the multi-power law. Rate changes are merged into at most 160 for the fit, which moves
// predictions by less than the noise of a curve; `relative_error` is measured with every change.
absl::StatusOr<MultiPowerFit> FitMultiPower(std::span<const ScheduledCurve> curves,
                                            const ScheduleFitOptions& options = {});

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_SCHEDULE_FIT_H_
