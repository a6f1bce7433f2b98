// SPDX-License-Identifier: Apache-2.0
#include "fitting/plan/floor_profile.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/status_macros.h"
#include "fitting/curve/normal_quantile.h"
#include "fitting/least_squares/fit_law.h"
#include "fitting/refusal.h"
#include "fitting/variables.h"

namespace sextant::fitting {
namespace {

// The quantile of Student's t with `free` degrees of freedom, by Cornish and Fisher's expansion (Abramowitz
// and Stegun 26.7.5): within 1 % from 3 degrees on; below that exactly.
double StudentQuantile(double probability, double free) {
  if (free < 1.5) return std::tan(std::numbers::pi * (probability - 0.5));
  if (free < 2.5) return (2 * probability - 1) * std::sqrt(2 / (4 * probability * (1 - probability)));
  const double z = NormalQuantile(probability), z2 = z * z;
  const double a = (z2 + 1) / 4, b = ((5 * z2 + 16) * z2 + 3) / 96,
               c = (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384;
  return z * (1 + (a + (b + c / free) / free) / free);
}

}  // namespace

absl::StatusOr<FloorProfile> ProfileFloor(const std::shared_ptr<const Law>& law, const RunTable& runs,
                                          const FitRequest& request, double params, double tokens,
                                          double confidence, int points) {
  const LawSpec& spec = law->spec();
  const auto floor_at = law->ParameterIndex("E");
  if (spec.target != Target::kLoss || !floor_at) {
    return absl::FailedPreconditionError(
        absl::StrCat("law '", spec.id, "' has no floor E of a loss to profile"));
  }
  PredictionTarget target;
  target.params = params;
  target.tokens = tokens;
  const ResolvedVariables variables = ResolveVariables(*law, target, {}, nullptr);
  if (!variables.refusal.empty()) return absl::FailedPreconditionError(variables.refusal);
  ASSIGN_OR_RETURN(const LawData data, LawDataFromRuns(*law, runs));
  SolveOptions options;
  if (!request.loss.empty()) {
    ASSIGN_OR_RETURN(Objective objective, ParseObjective(request.loss));
    options.objective = objective;
  }
  options.fixed = request.fixed_parameters;
  options.fixed.erase("E");
  options.diagnostics = false;
  options.seed = request.seed;
  options.cancel = request.cancelled;
  double free = static_cast<double>(data.size());
  for (const ParameterSpec& parameter : spec.parameters) {
    free -= !parameter.fixed && !options.fixed.contains(parameter.name);
  }
  if (free < 1) {
    return NotIdentifiable(
        absl::StrCat("E: ", data.size(),
                     " runs for as many free parameters: every floor fits them equally, and the "
                     "projection follows the floor; add runs or fix E with a reason"));
  }
  const auto evaluate = [&](const FitResult& fit) {
    std::vector<double> parameters;
    for (const ParameterEstimate& parameter : fit.parameters) parameters.push_back(parameter.estimate);
    return law->Evaluate(variables.values, parameters);
  };
  ASSIGN_OR_RETURN(const FitResult best, FitLaw(law, data, options));
  FloorProfile profile;
  profile.floor = best.parameters[*floor_at].estimate;
  profile.loss = evaluate(best);
  double best_likelihood = best.diagnostics.at("log_likelihood");
  const double t = StudentQuantile(0.5 + confidence / 2, free);
  const double limit = static_cast<double>(data.size()) * std::log1p(t * t / free);

  const double lowest = *std::min_element(data.observed.begin(), data.observed.end());
  const auto add = [&](double floor) -> absl::Status {
    SolveOptions held = options;
    held.fixed["E"] = floor;
    const absl::StatusOr<FitResult> fit = FitLaw(law, data, held);
    if (absl::IsCancelled(fit.status()) || absl::IsDeadlineExceeded(fit.status())) return fit.status();
    if (!fit.ok()) return absl::OkStatus();  // no fit at this floor: it is outside
    FloorPoint point;
    point.floor = floor;
    point.objective = fit->objective;
    point.deviance = -2 * fit->diagnostics.at("log_likelihood");
    point.loss = evaluate(*fit);
    profile.points.push_back(point);
    return absl::OkStatus();
  };
  // Half of the floors over all that could be, half about the estimate.
  const int coarse = std::max(3, points / 2);
  const Range bounds = spec.parameters[*floor_at].bounds;
  const double low = std::max(0.0, bounds.low), high = std::min(0.999 * lowest, bounds.high);
  for (int i = 0; i < coarse; ++i) RETURN_IF_ERROR(add(low + (high - low) * i / (coarse - 1)));
  const auto settle = [&] {
    std::sort(profile.points.begin(), profile.points.end(),
              [](const FloorPoint& a, const FloorPoint& b) { return a.floor < b.floor; });
    for (const FloorPoint& point : profile.points) {
      best_likelihood = std::max(best_likelihood, -0.5 * point.deviance);
    }
    profile.floor_low = profile.floor_high = profile.floor;
    profile.loss_low = profile.loss_high = profile.loss;
    for (FloorPoint& point : profile.points) {
      point.inside = point.deviance + 2 * best_likelihood <= limit;
      if (!point.inside) continue;
      profile.floor_low = std::min(profile.floor_low, point.floor);
      profile.floor_high = std::max(profile.floor_high, point.floor);
      profile.loss_low = std::min(profile.loss_low, point.loss);
      profile.loss_high = std::max(profile.loss_high, point.loss);
    }
  };
  settle();
  // Both edges are narrowed by bisection between the last floor inside and the first outside.
  for (int i = 0; i < (points - coarse) / 2; ++i) {
    double below = low, above = high;
    for (const FloorPoint& point : profile.points) {
      if (!point.inside && point.floor < profile.floor_low) below = std::max(below, point.floor);
      if (!point.inside && point.floor > profile.floor_high) above = std::min(above, point.floor);
    }
    if (profile.floor_low > low) RETURN_IF_ERROR(add(0.5 * (below + profile.floor_low)));
    if (profile.floor_high < high) RETURN_IF_ERROR(add(0.5 * (above + profile.floor_high)));
    settle();
  }
  for (FloorPoint& point : profile.points) point.deviance += 2 * best_likelihood;
  if (profile.floor_low <= low + 1e-12) {
    profile.warnings.push_back(
        absl::StrFormat("the runs do not bound the floor from below: %.4g fits as well", low));
  }
  if (profile.loss_high > profile.loss_low * 1.01) {
    profile.warnings.push_back(
        absl::StrFormat("the floor alone moves the loss at the target by %.2g %%: no projection is better "
                        "than that without runs "
                        "nearer to it",
                        100 * (profile.loss_high / profile.loss_low - 1)));
  }
  return profile;
}

}  // namespace sextant::fitting
