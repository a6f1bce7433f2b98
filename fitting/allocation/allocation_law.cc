// SPDX-License-Identifier: Apache-2.0
// Approach 3: the minimum of a fitted loss law at a budget.
#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <cmath>
#include <limits>
#include <map>

#include "base/status_macros.h"
#include "fitting/allocation/allocation.h"
#include "fitting/allocation/allocation_lines.h"
#include "fitting/least_squares/scalar_minimise.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

struct Surface {
  const Law& law;
  std::size_t params_at, tokens_at;  // which variables are N and D
  std::vector<double> variables;     // the others are filled in

  double Loss(double params, double tokens, std::span<const double> parameters) {
    variables[params_at] = params;
    variables[tokens_at] = tokens;
    return law.Evaluate(variables, parameters);
  }
};

absl::StatusOr<Surface> MakeSurface(const Law& law, const std::vector<double>& other) {
  const std::vector<VariableSpec>& variables = law.spec().variables;
  Surface surface{law, variables.size(), variables.size(), other};
  for (std::size_t v = 0; v < variables.size(); ++v) {
    if (variables[v].name == "N") surface.params_at = v;
    if (variables[v].name == "D") surface.tokens_at = v;
  }
  if (surface.params_at == variables.size() || surface.tokens_at == variables.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("law '", law.spec().id, "' has no variables N and D to divide a budget between"));
  }
  if (variables.size() > 2 && other.size() != variables.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("law '", law.spec().id, "' has variables beside N and D: give their values"));
  }
  surface.variables.resize(variables.size());
  return surface;
}

// N* by a coarse scan and golden section; nullopt when the lowest loss is at an end of the range.
std::optional<double> MinimiseAlongBudget(Surface& surface, std::span<const double> parameters, double flops,
                                          const AllocationOptions& options) {
  const auto loss = [&](double log_params) {
    const double params = std::exp(log_params);
    return surface.Loss(params, flops / (options.flops_per_param_token * params), parameters);
  };
  constexpr int kScan = 96;
  const double low = std::log(options.params_low), high = std::log(options.params_high);
  const double spacing = (high - low) / kScan;
  int best = -1;
  double lowest = std::numeric_limits<double>::infinity();
  for (int i = 0; i <= kScan; ++i) {
    const double value = loss(low + spacing * i);
    if (value < lowest) {
      lowest = value;
      best = i;
    }
  }
  if (best <= 0 || best == kScan) return std::nullopt;
  return std::exp(solve::GoldenSection(loss, low + spacing * (best - 1), low + spacing * (best + 1), 1e-10));
}

}  // namespace

std::optional<OptimalPowerLaws> ClosedFormAllocation(const Law& law, std::span<const double> parameters,
                                                     double flops_per_param_token) {
  const LawSpec& spec = law.spec();
  if (spec.variables.size() != 2 || parameters.size() != spec.parameters.size()) return std::nullopt;
  std::map<std::string, double> value;
  for (std::size_t p = 0; p < parameters.size(); ++p) value[spec.parameters[p].name] = parameters[p];
  const bool powered = value.contains("k");
  if (value.size() != (powered ? 6u : 5u)) return std::nullopt;
  for (const char* name : {"E", "A", "B", "alpha", "beta"}) {
    if (!value.contains(name)) return std::nullopt;
  }
  const double a = value["A"], b = value["B"], alpha = value["alpha"], beta = value["beta"];
  const double k = powered ? value["k"] : 1;
  if (!(a > 0) || !(b > 0) || !(alpha > 0) || !(beta > 0) || !(k > 0)) return std::nullopt;
  absl::StatusOr<Surface> surface = MakeSurface(law, {});
  if (!surface.ok()) return std::nullopt;
  // The names promise a form; the values must keep the promise.
  for (const auto& [params, tokens] : {std::pair(1e6, 1e9), std::pair(3e8, 7e9), std::pair(2e10, 5e12)}) {
    const double expected =
        value["E"] + std::pow(a * std::pow(params, -alpha) + b * std::pow(tokens, -beta), k);
    const double found = surface->Loss(params, tokens, parameters);
    if (!(std::abs(found - expected) <= 1e-9 * std::abs(expected))) return std::nullopt;
  }
  const double log_g = std::log(alpha * a / (beta * b)) / (alpha + beta);
  const double share = beta / (alpha + beta);
  const double log_cost = std::log(flops_per_param_token);
  return OptimalPowerLaws{{log_g - share * log_cost, share}, {-log_g - (1 - share) * log_cost, 1 - share}};
}

absl::StatusOr<Allocation> OptimalAllocation(const Law& law, std::span<const double> parameters,
                                             std::span<const double> replicates, double flops,
                                             const AllocationOptions& options) {
  if (!(flops > 0) || !std::isfinite(flops)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a budget must be a positive number of FLOPs, not ", flops));
  }
  if (!(options.params_low > 0) || !(options.params_low < options.params_high) ||
      !std::isfinite(options.params_high) || !(options.flops_per_param_token > 0)) {
    return absl::InvalidArgumentError(
        "the range of model sizes and the FLOPs per parameter and token must be positive");
  }
  const std::size_t p = law.spec().parameters.size();
  if (parameters.size() != p || replicates.size() % p != 0) {
    return absl::InvalidArgumentError("the number of parameters is not the law's");
  }
  ASSIGN_OR_RETURN(Surface surface, MakeSurface(law, options.other_variables));
  const auto optimum = [&](std::span<const double> at) -> std::optional<double> {
    if (const auto closed = ClosedFormAllocation(law, at, options.flops_per_param_token))
      return closed->params.At(flops);
    return MinimiseAlongBudget(surface, at, flops, options);
  };
  const std::optional<double> params = optimum(parameters);
  if (!params) {
    return NotIdentifiable(absl::StrCat("the loss of law '", law.spec().id, "' has no minimum at ", flops,
                                        " FLOPs for model sizes between ", options.params_low, " and ",
                                        options.params_high, " parameters"));
  }
  const auto tokens_of = [&](double size) { return flops / (options.flops_per_param_token * size); };
  std::vector<double> sizes, lengths, ratios, losses;
  for (std::size_t at = 0; at < replicates.size(); at += p) {
    const std::span<const double> replicate = replicates.subspan(at, p);
    const std::optional<double> size = optimum(replicate);
    if (!size) continue;
    sizes.push_back(*size);
    lengths.push_back(tokens_of(*size));
    ratios.push_back(lengths.back() / *size);
    losses.push_back(surface.Loss(*size, lengths.back(), replicate));
  }
  Allocation allocation;
  allocation.flops = flops;
  const double tokens = tokens_of(*params);
  allocation.params = solve::WithInterval(*params, std::move(sizes), options.interval_level);
  allocation.tokens = solve::WithInterval(tokens, std::move(lengths), options.interval_level);
  allocation.tokens_per_param =
      solve::WithInterval(tokens / *params, std::move(ratios), options.interval_level);
  allocation.loss = solve::WithInterval(surface.Loss(*params, tokens, parameters), std::move(losses),
                                        options.interval_level);
  return allocation;
}

}  // namespace sextant::fitting
