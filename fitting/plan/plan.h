// SPDX-License-Identifier: Apache-2.0
// From a budget to a model size and a number of tokens, on a loss law, under the constraints that people
// have.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <vector>

#include "fitting/plan/loss_surface.h"
#include "fitting/predict.h"

namespace sextant::fitting {

/// What is given. Training costs `flops_per_param_token` * N * D FLOPs (6: Kaplan et al. 2020, forward and
/// backward pass without attention), inference 2 N per token.
struct PlanRequest {
  // The budget, in one of these ways. Two of flops, params and tokens fix the third.
  std::optional<double> flops{};  ///< of training, and of inference too where inference_tokens are given
  std::optional<double> gpus{}, days{}, gpu_flops_per_second{},
      utilisation{};                         ///< together, instead of flops
  std::optional<double> target_loss{};       ///< in the law's unit
  std::optional<double> params{}, tokens{};  ///< N or D

  // Constraints.
  std::optional<double> max_params{};        ///< the largest N that fits
  std::optional<double> unique_tokens{};     ///< more tokens than these are repeats
  std::optional<double> inference_tokens{};  ///< expected over the model's life
  std::optional<double>
      overtrain{};  ///< tokens per parameter as a multiple of the optimum's at the same budget

  double interval = 0.9;      ///< coverage
  double tolerance = 0.0025;  ///< relative excess loss that bounds the valley
  double flops_per_param_token = 6;
};

/// Every problem of the request as "field: what is wrong"; empty when it can be planned.
std::vector<std::string> ValidatePlanRequest(const PlanRequest& request);

/// One size at the plan's budget.
struct FrontierPoint {
  double params = 0, tokens = 0, loss = 0;
};

/// A plan on one loss law. Intervals are percentiles over the law's replicates, each minimised by itself.
struct AllocationPlan {
  std::string source;
  Quantity params, tokens, tokens_per_param, loss;
  double flops = 0;                            ///< of training
  std::optional<double> inference_flops;       ///< with inference_tokens
  std::optional<double> gpu_hours, wall_days;  ///< with gpu_flops_per_second and utilisation; days with gpus
  std::optional<double> epochs;                ///< with unique_tokens
  std::optional<double> valley_low,
      valley_high;                      ///< N whose loss is within the tolerance of the least at this budget
  std::vector<FrontierPoint> frontier;  ///< sizes around the plan's at the same budget
  double extrapolation_params = 1, extrapolation_tokens = 1;
  std::vector<std::string> warnings;
  std::string basis = "loss-law";  ///< or "allocation"
  std::string flops_count;         ///< how C is counted, where the source says
};

/// Plans on `surface`. InvalidArgument: see ValidatePlanRequest. FailedPrecondition, naming the constraint:
/// the loss is out of reach, the loss has no minimum at this budget, the constraints leave no run.
/// Thread-safe; milliseconds.
absl::StatusOr<AllocationPlan> PlanAllocation(const LossSurface& surface, const PlanRequest& request);

}  // namespace sextant::fitting
