// SPDX-License-Identifier: Apache-2.0
// Approach 3 as an allocation of its own.
#include <absl/status/status.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>

#include "base/status_macros.h"
#include "fitting/allocation/allocation.h"
#include "fitting/allocation/allocation_lines.h"
#include "fitting/allocation/chinchilla_surface.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

// Of ln C: beyond it the cost of training is no power law of N and D, and N* is off by about as much.
constexpr double kUnevenCost = 0.02;

bool HasOptimum(const OptimalPowerLaws& lines) {
  return std::isfinite(lines.params.log_coefficient) && std::isfinite(lines.tokens.log_coefficient) &&
         lines.params.exponent > 0 && lines.tokens.exponent > 0;
}

}  // namespace

absl::StatusOr<AllocationFit> FitParametric(const std::vector<IsoFlopRun>& runs,
                                            const AllocationBootstrap& bootstrap,
                                            const std::string& objective) {
  ASSIGN_OR_RETURN(const solve::ChinchillaSurface surface, solve::FitChinchilla(runs, bootstrap, objective));
  const OptimalPowerLaws lines = surface.Lines(0);
  if (!HasOptimum(lines)) {
    return NotIdentifiable("the fitted loss has no optimal size: one of its terms does not fall");
  }
  AllocationFit fit;
  fit.params = lines.params;
  fit.tokens = lines.tokens;
  const auto [least, most] = std::minmax_element(
      runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.flops < b.flops; });
  for (const double flops : {least->flops, most->flops}) {
    fit.optima.push_back({flops, fit.params.At(flops), fit.tokens.At(flops)});
  }
  const solve::LogCost cost = solve::CostOf(runs);
  if (cost.largest_residual > kUnevenCost) {
    fit.warnings.push_back(
        absl::StrFormat("C of the runs follows N^%.3f D^%.3f to %.1f %% only: shapes differ, or batches do",
                        cost.params, cost.tokens, 100 * std::expm1(cost.largest_residual)));
  }
  int without = 0;
  for (std::size_t r = 1; r <= surface.replicate_count(); ++r) {
    const OptimalPowerLaws drawn = surface.Lines(r);
    if (!HasOptimum(drawn)) {
      ++without;
      continue;
    }
    fit.replicates.insert(fit.replicates.end(), {drawn.params.log_coefficient, drawn.params.exponent,
                                                 drawn.tokens.log_coefficient, drawn.tokens.exponent});
  }
  if (without > 0) {
    fit.warnings.push_back(
        absl::StrFormat("%d of %d replicates have no optimal size", without, bootstrap.replicates));
  }
  solve::FillExponentIntervals(bootstrap.interval_level, fit);
  return fit;
}

}  // namespace sextant::fitting
