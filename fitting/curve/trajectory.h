// SPDX-License-Identifier: Apache-2.0
// The whole training trajectory L(N, S, B) at any batch size, implicit in the loss.
//
//   L = (N_c / N)^alpha_n + (S_c / S_min)^alpha_s,   S_min = S / (1 + B_crit(L) / B),   B_crit(L) = B_star /
//   L^(1/alpha_b)
//
// Kaplan et al. 2020, arXiv 2001.08361, equations 5.4, 1.4 and 1.6; Su et al. 2024, arXiv 2403.06563. N is
// non-embedding parameters, S optimizer steps, B and B_star tokens, L nats per token. Pure and thread-safe.
#ifndef SEXTANT_FITTING_CURVE_TRAJECTORY_H_
#define SEXTANT_FITTING_CURVE_TRAJECTORY_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sextant::fitting {

struct TrajectoryLaw {
  double n_c = 0, alpha_n = 0;     // parameters
  double s_c = 0, alpha_s = 0;     // steps
  double b_star = 0, alpha_b = 0;  // tokens
};

// B_star / L^(1/alpha_b), tokens.
double CriticalBatchAtLoss(double loss, double b_star, double alpha_b);
// S / (1 + B_crit / B): the steps an unlimited batch would need.
double MinimumSteps(double steps, double batch_size_tokens, double critical_batch_tokens);
// C / (1 + B / B_crit): the compute an unlimited number of steps would need.
double MinimumCompute(double compute, double batch_size_tokens, double critical_batch_tokens);

// The loss after `steps` steps of `batch_size_tokens` tokens. NaN when an argument is not positive and
// finite. `gradient`, when not null, takes d L / d (n_c, alpha_n, s_c, alpha_s, b_star, alpha_b).
double TrajectoryLoss(const TrajectoryLaw& law, double params, double steps, double batch_size_tokens,
                      double* gradient = nullptr);

// What a wanted loss takes: solved backwards, in closed form.
struct TrajectoryCost {
  double critical_batch_tokens = 0;  // B_crit at the loss
  double min_steps = 0;              // at an unlimited batch
  double min_tokens = 0;             // at an unlimited number of steps: min_steps B_crit
  double steps = 0, tokens = 0;      // at the batch asked for
};
// At `batch_size_tokens`, or, where that is 0, at the critical batch. FailedPrecondition, naming the floor,
// where no number of steps brings a model of `params` to the loss; InvalidArgument for numbers that are not
// positive.
absl::StatusOr<TrajectoryCost> TrajectoryCostOf(const TrajectoryLaw& law, double params, double loss,
                                                double batch_size_tokens);

// One point of a training curve.
struct TrajectoryPoint {
  double params = 0, steps = 0, batch_size_tokens = 0, loss = 0;
  int run = 0;  // which run it comes from: the unit that the bootstrap resamples
};

struct TrajectoryFit {
  TrajectoryLaw law;
  TrajectoryLaw low, high;  // per parameter, from a bootstrap over runs; equal to `law` with 0 replicates
  std::vector<TrajectoryLaw> replicates;
  double objective = 0;       // sum of Huber(ln residual, 1e-3)
  double relative_error = 0;  // mean |predicted / observed - 1|
  bool converged = false;
  int starts = 0, starts_at_optimum = 0;
  std::vector<std::string> warnings;
};

struct TrajectoryFitOptions {
  int starts = 24;
  int replicates = 200;
  double confidence = 0.9;
  uint64_t seed = 1;
};

// Fits all six constants. Fails with InvalidArgument on bad numbers and FailedPrecondition, naming the axis,
// when the points hold fewer than two sizes or two batch sizes.
absl::StatusOr<TrajectoryFit> FitTrajectory(std::span<const TrajectoryPoint> points,
                                            const TrajectoryFitOptions& options = {});

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_TRAJECTORY_H_
