// SPDX-License-Identifier: Apache-2.0
// Critical batch from the steps that several batch sizes need to reach a loss, one definition a function.
#ifndef SEXTANT_FITTING_CRITICAL_BATCH_FROM_STEPS_H_
#define SEXTANT_FITTING_CRITICAL_BATCH_FROM_STEPS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/critical_batch/definitions.h"
#include "fitting/critical_batch/power_law.h"

namespace sextant::fitting {

// Steps to reach a target loss at one batch size.
struct StepsToTarget {
  double batch_size = 0;  // any one unit throughout: tokens or sequences
  double steps = 0;
  double log_steps_error = 0;  // sd of ln steps; 0 when unknown
  double target_loss = 0;      // used by the joint fit
  int group = 0;               // the joint fit keeps one S_min for each (group, target)
};

struct FromStepsOptions {
  double confidence = 0.9;
  int replicates = 1000;
  uint64_t seed = 1;
  double overhead = 0.2;    // kOverhead: the share of extra steps
  double anchor_batch = 0;  // kOverhead: B_opt; 0 takes the smallest batch
};

// (S/S_min - 1)(E/E_min - 1) = 1 at one target: fits ln S = ln S_min + ln(1 + B_crit/B). Not answered, with
// the reason, with fewer than three batch sizes or when the points show no bend (B_crit outside [min B / 30,
// max B * 30]).
CriticalBatchEstimate FitHyperbola(std::span<const StepsToTarget> points,
                                   const FromStepsOptions& options = {});

// ln S = ln(a + b/B) by least squares, then (1 + r) B0 + r b / a.
struct OverheadFit {
  double a = 0, b = 0;  // steps; steps x batch
  CriticalBatchEstimate critical;
};
OverheadFit FitOverhead(std::span<const StepsToTarget> points, const FromStepsOptions& options = {});

// The batch that minimises steps x batch, by a parabola of ln(S B) in ln B about the least measured one. Not
// answered when the least lies on the edge of the measured batches.
CriticalBatchEstimate MinimumComputeBatch(std::span<const StepsToTarget> points,
                                          const FromStepsOptions& options = {});

// All targets at once: one B_star and alpha for all, one S_min for each group and target.
struct JointHyperbolaFit {
  LossPowerLaw law;
  std::vector<double> target_loss, min_steps;  // one a (group, target)
  double objective = 0;                        // sum of squared weighted ln residuals
  double relative_misfit = 0;
  bool converged = false;
  std::vector<std::string> warnings;
};
// FailedPrecondition with fewer than three batch sizes or fewer than two targets.
absl::StatusOr<JointHyperbolaFit> FitJointHyperbola(std::span<const StepsToTarget> points,
                                                    const FromStepsOptions& options = {});

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CRITICAL_BATCH_FROM_STEPS_H_
