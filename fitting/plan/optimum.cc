// SPDX-License-Identifier: Apache-2.0
#include "fitting/plan/optimum.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "fitting/allocation/allocation.h"

namespace sextant::fitting {
namespace {

constexpr double kFewestParams = 1e3, kMostParams = 1e16;
// Searches over the budget: from a toy run to beyond anything that can be paid for.
constexpr double kLeastFlops = 1e8, kMostFlops = 1e38;
// 1e-9 in ln N is far below any interval and above the rounding of the loss, whose square root bounds a
// minimum's place.
constexpr double kPlaceTolerance = 1e-9;

// The place of the least value in [low, high], of a function with one minimum: a scan, then golden sections.
// Nothing if the least value lies at an end.
std::optional<double> Minimise(const std::function<double(double)>& value, double low, double high) {
  constexpr int kScan = 64;
  int best = -1;
  double least = std::numeric_limits<double>::infinity();
  const double step = (high - low) / kScan;
  for (int i = 0; i <= kScan; ++i) {
    const double at = value(low + i * step);
    if (at < least) {
      least = at;
      best = i;
    }
  }
  if (best <= 0 || best >= kScan) return std::nullopt;
  double a = low + (best - 1) * step, b = low + (best + 1) * step;
  constexpr double kGolden = 0.6180339887498949;
  double x = b - kGolden * (b - a), y = a + kGolden * (b - a), fx = value(x), fy = value(y);
  while (b - a > kPlaceTolerance) {
    if (fx < fy) {
      b = y;
      y = x;
      fy = fx;
      fx = value(x = b - kGolden * (b - a));
    } else {
      a = x;
      x = y;
      fx = fy;
      fy = value(y = a + kGolden * (b - a));
    }
  }
  return 0.5 * (a + b);
}

// The ln C at which a quantity that rises with the budget reaches `wanted`. Nothing if it does not within the
// search.
std::optional<double> BudgetWhere(const std::function<std::optional<double>(double)>& quantity,
                                  double wanted) {
  // Below the least run there is no value: as if it were small. Beyond the largest there is none either, so
  // that the search goes up decade by decade.
  const auto reached = [&](double log_flops) {
    const std::optional<double> at = quantity(std::exp(log_flops));
    return at && *at >= wanted;
  };
  const double decade = std::log(10.0), last = std::log(kMostFlops);
  double low = std::log(kLeastFlops), high = low;
  if (reached(low)) return std::nullopt;
  while (!reached(high)) {
    low = high;
    high += decade;
    if (high > last) return std::nullopt;
  }
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (reached(middle) ? high : low) = middle;
  }
  return std::exp(high);
}

PlanPoint At(const LossSurface& surface, std::span<const double> parameters, const PlanRequest& request,
             double params, double tokens) {
  return {params, tokens, surface.Loss(parameters, params, tokens, request.unique_tokens)};
}

}  // namespace

double TokensAt(const PlanRequest& request, double flops, double params) {
  return (flops - 2 * params * request.inference_tokens.value_or(0)) /
         (request.flops_per_param_token * params);
}

double FlopsOf(const PlanRequest& request, double params, double tokens) {
  return params * (request.flops_per_param_token * tokens + 2 * request.inference_tokens.value_or(0));
}

std::optional<PlanPoint> FreeBestAt(const LossSurface& surface, std::span<const double> parameters,
                                    const PlanRequest& request, double flops) {
  if (!request.unique_tokens && !request.inference_tokens) {
    if (const auto lines = ClosedFormAllocation(surface.law(), parameters, request.flops_per_param_token)) {
      const double params = lines->params.At(flops), tokens = TokensAt(request, flops, params);
      if (!(params >= kFewestParams && params <= kMostParams && tokens >= 1)) return std::nullopt;
      return At(surface, parameters, request, params, tokens);
    }
  }
  // One token at least, beyond what inference takes.
  const double most = flops / (request.flops_per_param_token + 2 * request.inference_tokens.value_or(0));
  const double low = std::log(kFewestParams), high = std::log(std::min(kMostParams, most));
  if (!(high > low)) return std::nullopt;
  const auto loss = [&](double log_params) {
    const double params = std::exp(log_params), tokens = TokensAt(request, flops, params);
    const double value = tokens >= 1 ? surface.Loss(parameters, params, tokens, request.unique_tokens) : 0;
    return tokens >= 1 && std::isfinite(value) ? value : std::numeric_limits<double>::infinity();
  };
  const std::optional<double> best = Minimise(loss, low, high);
  if (!best) return std::nullopt;
  const double params = std::exp(*best);
  return At(surface, parameters, request, params, TokensAt(request, flops, params));
}

std::optional<PlanPoint> BestAt(const LossSurface& surface, std::span<const double> parameters,
                                const PlanRequest& request, double flops) {
  const std::optional<PlanPoint> best = FreeBestAt(surface, parameters, request, flops);
  if (!best) return std::nullopt;
  // At one budget tokens per parameter go with 1 / N^2.
  double params = best->params / std::sqrt(request.overtrain.value_or(1));
  if (request.max_params) params = std::min(params, *request.max_params);
  if (params == best->params) return best;
  const double tokens = TokensAt(request, flops, params);
  if (!(tokens >= 1)) return std::nullopt;
  return At(surface, parameters, request, params, tokens);
}

std::optional<PlanPoint> SolvePlan(const LossSurface& surface, std::span<const double> parameters,
                                   const PlanRequest& r) {
  const auto best_at = [&](double flops) { return BestAt(surface, parameters, r, flops); };
  if (r.params && r.tokens) return At(surface, parameters, r, *r.params, *r.tokens);
  if (r.flops && r.params) {
    const double tokens = TokensAt(r, *r.flops, *r.params);
    return tokens >= 1 ? std::optional(At(surface, parameters, r, *r.params, tokens)) : std::nullopt;
  }
  if (r.flops && r.tokens) {
    const double params = *r.flops / FlopsOf(r, 1, *r.tokens);
    return params >= kFewestParams ? std::optional(At(surface, parameters, r, params, *r.tokens))
                                   : std::nullopt;
  }
  if (r.flops) return best_at(*r.flops);
  if (r.target_loss) {
    // The fewest FLOPs that reach the loss: at N where that is given, along the best N otherwise.
    const auto reach = [&](double flops) -> std::optional<double> {
      if (r.params) {
        const double tokens = TokensAt(r, flops, *r.params);
        return tokens >= 1 ? std::optional(-At(surface, parameters, r, *r.params, tokens).loss)
                           : std::nullopt;
      }
      if (r.tokens) {
        const double params = flops / FlopsOf(r, 1, *r.tokens);
        return params >= 1 ? std::optional(-At(surface, parameters, r, params, *r.tokens).loss)
                           : std::nullopt;
      }
      const auto best = best_at(flops);
      return best ? std::optional(-best->loss) : std::nullopt;
    };
    const auto flops = BudgetWhere(reach, -*r.target_loss);
    if (!flops) return std::nullopt;
    if (r.params) return At(surface, parameters, r, *r.params, TokensAt(r, *flops, *r.params));
    if (r.tokens) return At(surface, parameters, r, *flops / FlopsOf(r, 1, *r.tokens), *r.tokens);
    return best_at(*flops);
  }
  // N or D alone: the budget at which it is the best one.
  const auto quantity = [&](double flops) -> std::optional<double> {
    const auto best = best_at(flops);
    if (!best) return std::nullopt;
    return r.params ? best->params : best->tokens;
  };
  const auto flops = BudgetWhere(quantity, r.params ? *r.params : *r.tokens);
  if (!flops) return std::nullopt;
  const std::optional<PlanPoint> best = best_at(*flops);
  if (!best) return std::nullopt;
  const double params = r.params.value_or(best->params), tokens = r.tokens.value_or(best->tokens);
  return At(surface, parameters, r, params, tokens);
}

}  // namespace sextant::fitting
