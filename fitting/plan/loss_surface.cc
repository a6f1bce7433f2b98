// SPDX-License-Identifier: Apache-2.0
#include "fitting/plan/loss_surface.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <array>
#include <cmath>
#include <utility>

#include "fitting/allocation/allocation.h"

namespace sextant::fitting {

namespace {

constexpr std::size_t kNoPlace = static_cast<std::size_t>(-1);

/// Where the closed form's parameters are. Names promise a form, which ClosedFormAllocation holds the law to.
std::optional<std::array<std::size_t, 6>> ClosedPlaces(const Law& law, std::span<const double> parameters) {
  if (!ClosedFormAllocation(law, parameters)) return std::nullopt;
  std::array<std::size_t, 6> places{};
  constexpr const char* kNames[] = {"E", "A", "B", "alpha", "beta", "k"};
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto at = law.ParameterIndex(kNames[i]);
    places[i] = at ? *at : kNoPlace;
  }
  return places;
}

}  // namespace

double ClosedSurface::Loss(double params, double tokens) const {
  const double sum = a * std::exp(-alpha * std::log(params)) + b * std::exp(-beta * std::log(tokens));
  return floor + (k == 1 ? sum : std::pow(sum, k));
}

std::optional<ClosedSurface> LossSurface::Closed(std::span<const double> parameters) const {
  if (!closed_at_) return std::nullopt;
  const auto at = [&](std::size_t i) { return parameters[(*closed_at_)[i]]; };
  ClosedSurface closed{at(0), at(1), at(2), at(3), at(4), (*closed_at_)[5] == kNoPlace ? 1 : at(5)};
  for (const double value : {closed.a, closed.b, closed.alpha, closed.beta, closed.k}) {
    if (!(value > 0)) return std::nullopt;
  }
  return closed;
}

absl::StatusOr<LossSurface> LossSurface::Make(std::string source, std::shared_ptr<const Law> law,
                                              std::vector<double> parameters, std::vector<double> replicates,
                                              std::map<std::string, Range> fitted) {
  const LawSpec& spec = law->spec();
  if (spec.target != Target::kLoss || law->needs_schedule()) {
    return absl::FailedPreconditionError(
        absl::StrCat(source, ": ", spec.id, " does not predict a final loss"));
  }
  LossSurface surface;
  std::optional<std::size_t> params_at, tokens_at;
  for (std::size_t v = 0; v < spec.variables.size(); ++v) {
    const std::string& name = spec.variables[v].name;
    if (name == "N") {
      params_at = v;
    } else if (name == "D") {
      tokens_at = v;
    } else if (name == "U") {
      surface.unique_at_ = v;
    } else {
      return absl::FailedPreconditionError(
          absl::StrCat(source, ": ", spec.id, " needs ", name, "; a plan takes laws of N and D"));
    }
    if (!fitted.contains(name)) fitted[name] = spec.variables[v].fitted;
  }
  if (!params_at || !tokens_at || spec.variables.size() > 3) {
    return absl::FailedPreconditionError(
        absl::StrCat(source, ": ", spec.id, " is not a law of both N and D: no allocation follows from it"));
  }
  if (parameters.size() != spec.parameters.size() ||
      (!parameters.empty() && replicates.size() % parameters.size() != 0)) {
    return absl::InternalError(absl::StrCat(source, ": parameters and replicates do not fit the law"));
  }
  surface.source_ = std::move(source);
  surface.law_ = std::move(law);
  surface.parameters_ = std::move(parameters);
  surface.replicates_ = std::move(replicates);
  surface.fitted_ = std::move(fitted);
  surface.params_at_ = *params_at;
  surface.tokens_at_ = *tokens_at;
  surface.closed_at_ = ClosedPlaces(surface.law(), surface.parameters());
  return surface;
}

std::size_t LossSurface::replicate_count() const {
  return parameters_.empty() ? 0 : replicates_.size() / parameters_.size();
}

std::span<const double> LossSurface::replicate(std::size_t index) const {
  return std::span(replicates_).subspan(index * parameters_.size(), parameters_.size());
}

Range LossSurface::fitted(const std::string& variable) const {
  const auto found = fitted_.find(variable);
  return found == fitted_.end() ? Range{} : found->second;
}

double EffectiveTokens(double tokens, double unique_tokens) {
  if (tokens <= unique_tokens) return tokens;
  const double repeats = tokens / unique_tokens - 1;
  return unique_tokens * (1 + kRepeatScale * -std::expm1(-repeats / kRepeatScale));
}

double LossSurface::Loss(std::span<const double> parameters, double params, double tokens,
                         std::optional<double> unique_tokens) const {
  std::array<double, 3> variables{};
  variables[params_at_] = params;
  variables[tokens_at_] = unique_tokens && !unique_at_ ? EffectiveTokens(tokens, *unique_tokens) : tokens;
  if (unique_at_) variables[*unique_at_] = unique_tokens.value_or(tokens);
  return law_->Evaluate(std::span(variables).first(law_->spec().variables.size()), parameters);
}

}  // namespace sextant::fitting
