// SPDX-License-Identifier: Apache-2.0
// The best N at a training budget under constraints: one-dimensional minimisation along the budget.
#pragma once

#include <optional>
#include <span>

#include "fitting/plan/plan.h"

namespace sextant::fitting {

/// N, D and the loss there.
struct PlanPoint {
  double params = 0, tokens = 0, loss = 0;
};

/// Tokens that a budget pays for at N parameters: (C - 2 N I) / (k N); at most 0 when nothing is left.
double TokensAt(const PlanRequest& request, double flops, double params);
/// What N and D cost: k N D + 2 N I.
double FlopsOf(const PlanRequest& request, double params, double tokens);

/// The N of least loss at `flops`, under max_params and overtrain. Nothing where no run of 1000 parameters
/// and one token each is paid for, or where the loss falls towards an end of the range (1e3 to 1e16
/// parameters).
std::optional<PlanPoint> BestAt(const LossSurface& surface, std::span<const double> parameters,
                                const PlanRequest& request, double flops);
/// The same without max_params and overtrain.
std::optional<PlanPoint> FreeBestAt(const LossSurface& surface, std::span<const double> parameters,
                                    const PlanRequest& request, double flops);

/// The plan's point for one parameter vector: by whatever of flops, loss, N and D the request gives.
/// `near` is the point of a neighbouring vector (the estimate, for replicates): searches begin there.
std::optional<PlanPoint> SolvePlan(const LossSurface& surface, std::span<const double> parameters,
                                   const PlanRequest& request, const PlanPoint* near = nullptr);

}  // namespace sextant::fitting
