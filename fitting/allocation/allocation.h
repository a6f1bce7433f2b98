// SPDX-License-Identifier: Apache-2.0
// Compute-optimal allocation: how many parameters and tokens to spend a budget of FLOPs on.
// Approaches 1, 2 and 3 are those of Hoffmann et al. 2022 (2203.15556).
#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fitting/fit_result.h"
#include "fitting/law/law.h"

namespace sextant::fitting {

/// A number with its percentile interval; the ends are absent without replicates.
struct IntervalEstimate {
  double value = 0;
  std::optional<double> low, high;
};

/// y = exp(log_coefficient) * C^exponent.
struct ComputePowerLaw {
  double log_coefficient = 0, exponent = 0;
  double At(double flops) const;
};

/// N*(C) and D*(C) of one budget.
struct Allocation {
  double flops = 0;
  IntervalEstimate params, tokens, tokens_per_param;
  IntervalEstimate loss;  ///< at the optimum; value is NaN for approaches 1 and 2, which do not predict one
};

/// The exact power laws N*(C), D*(C) of a law `E + A/N^alpha + B/D^beta` or `E + (A/N^alpha + B/D^beta)^k`
/// with C = flops_per_param_token * N * D: G = (alpha A / (beta B))^(1/(alpha+beta)), N* = G
/// (C/6)^(beta/(alpha+beta)) (Hoffmann et al. 2022, eq. 4). nullopt where the law is of another form:
/// recognised by its parameter names and verified by evaluating it, never by names alone.
struct OptimalPowerLaws {
  ComputePowerLaw params, tokens;
};
std::optional<OptimalPowerLaws> ClosedFormAllocation(const Law& law, std::span<const double> parameters,
                                                     double flops_per_param_token = 6);

/// Approach 3: the minimiser of a fitted loss law along C = flops_per_param_token * N * D, in closed form
/// where there is one, otherwise by one-dimensional minimisation over ln N in [ln params_low, ln
/// params_high]. Intervals push every replicate (row-major, k x parameters; may be empty) through the same
/// minimisation.
struct AllocationOptions {
  double flops_per_param_token = 6;
  double params_low = 1e5, params_high = 1e15;
  double interval_level = 0.95;
  /// Values of the law's variables other than N and D, in the order of its variables (N and D ignored).
  std::vector<double> other_variables;
};
/// InvalidArgument: the law has no variables N and D, or a budget that is not positive and finite.
/// FailedPrecondition: the loss has no minimum inside the range (it falls towards an end).
absl::StatusOr<Allocation> OptimalAllocation(const Law& law, std::span<const double> parameters,
                                             std::span<const double> replicates, double flops,
                                             const AllocationOptions& options = {});

/// A fitted allocation N* = k C^a, D* = k' C^b with bootstrap intervals.
struct AllocationFit {
  ComputePowerLaw params, tokens;
  IntervalEstimate params_exponent, tokens_exponent;
  std::vector<double>
      replicates;  ///< row-major k x 4: params log_coefficient, exponent, tokens log_coefficient, exponent
  struct Point {
    double flops = 0, params = 0, tokens = 0;
  };
  std::vector<Point> optima;  ///< what the lines were fitted to
  /// Where the estimator reads single budgets: what the noise of the runs alone does to ln N of each optimum,
  /// and that noise (standard deviation of the loss). Empty and NaN without replicates.
  std::vector<double> optimum_errors;
  double noise = std::numeric_limits<double>::quiet_NaN();
  std::vector<std::string> warnings;

  Allocation At(double flops, double interval_level = 0.95) const;
};

struct AllocationBootstrap {
  int replicates = 0;
  std::uint64_t seed = 1;
  double interval_level = 0.95;
  absl::Time deadline = absl::InfiniteFuture();
  const std::atomic<bool>* cancel = nullptr;
};

/// One training curve of approach 1: the loss of a model of `params` parameters as it sees tokens.
struct TrainingCurve {
  double params = 0;
  std::vector<double> tokens, loss;  ///< increasing tokens; smoothed losses
  double flops_per_token = 0;        ///< of training; 0: 6 N
};

/// Approach 1: at `budgets` log-spaced values of C (1500 in the paper) the size of lowest loss, and lines
/// through ln N, ln D of that envelope. The size is read between the curves as approach 2 does; taking the
/// best curve itself (as published) makes a staircase. Budgets at which the best model is the smallest or
/// largest that reaches them say nothing about an optimum between sizes and are dropped. Replicates are drawn
/// on a loss surface fitted to the curves: each takes what the surface leaves of another one, whole, since
/// errors along a curve go together.
absl::StatusOr<AllocationFit> FitEnvelope(const std::vector<TrainingCurve>& curves, int budgets = 1500,
                                          const AllocationBootstrap& bootstrap = {});

/// One run of approach 2.
struct IsoFlopRun {
  double flops = 0, params = 0, tokens = 0, loss = 0;
};

/// Approach 3 as an allocation of its own: E + A/N^alpha + B/D^beta by least squares on the runs (`objective`
/// as ParseObjective takes it; empty: huber:1e-3 on log losses), minimised along each budget in closed form.
/// Where C is not 6 N D, ln C is fitted in ln N and ln D first; a warning says what that leaves. At least two
/// budgets of `optima` are reported, the least and the largest of the runs. Errors as FitLaw.
absl::StatusOr<AllocationFit> FitParametric(const std::vector<IsoFlopRun>& runs,
                                            const AllocationBootstrap& bootstrap = {},
                                            const std::string& objective = "");

/// Approach 2: runs grouped by budget (equal within `budget_tolerance` relative), for each the minimum of a
/// cubic in ln N, and of one in ln D, through the five sizes about the lowest loss and all within 2.5 times
/// of it; lines through the minima. Budgets whose lowest loss lies at an end of the sampled sizes are dropped
/// with a warning. A parabola over all sizes, as the approach was published, is biased unless both exponents
/// are equal (2603.22339); what bias is left is measured on a surface fitted to the same runs, and warned of
/// from 0.5 % of D* on. Replicates are drawn on that surface with noise as large as the scatter about the
/// local cubics, known to so many degrees of freedom (resampling runs would leave sizes out), and are widened
/// where the optima scatter more about their lines than that.
absl::StatusOr<AllocationFit> FitIsoFlopParabolas(const std::vector<IsoFlopRun>& runs,
                                                  double budget_tolerance = 0.05,
                                                  const AllocationBootstrap& bootstrap = {});

}  // namespace sextant::fitting
