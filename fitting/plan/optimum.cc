// SPDX-License-Identifier: Apache-2.0
#include "fitting/plan/optimum.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fitting/allocation/allocation.h"
#include "fitting/least_squares/scalar_minimise.h"

namespace sextant::fitting {
namespace {

constexpr double kFewestParams = 1e3, kMostParams = 1e16;
// Searches over the budget: from a toy run to beyond anything that can be paid for.
constexpr double kLeastFlops = 1e8, kMostFlops = 1e38;
// 1e-9 in ln N is far below any interval and above the rounding of the loss, whose square root bounds a
// minimum's place. Replicates end at percentiles: there 1e-6 is plenty.
constexpr double kPlaceTolerance = 1e-9, kReplicateTolerance = 1e-6;
// How far a replicate's optimum is looked for around the estimate's before the whole range is scanned, in ln
// N.
constexpr double kNeighbourhood = 1.5;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// One parameter vector of one law under one request.
class Solver {
 public:
  Solver(const LossSurface& surface, std::span<const double> parameters, const PlanRequest& request,
         const PlanPoint* near)
      : surface_(surface),
        parameters_(parameters),
        r_(request),
        near_(near),
        closed_(surface.Closed(parameters)),
        stretch_(std::sqrt(request.overtrain.value_or(1))) {
    if (!closed_) return;
    const auto& [floor, a, b, alpha, beta, k] = *closed_;
    const double share = beta / (alpha + beta), log_cost = std::log(request.flops_per_param_token);
    const double log_g = std::log(alpha * a / (beta * b)) / (alpha + beta);
    lines_ = {{log_g - share * log_cost, share}, {-log_g - (1 - share) * log_cost, 1 - share}};
  }

  std::optional<PlanPoint> Solve() const {
    if (r_.params && r_.tokens) return At(*r_.params, *r_.tokens);
    if (r_.flops && r_.params) return WithTokens(*r_.params, TokensAt(r_, *r_.flops, *r_.params));
    if (r_.flops && r_.tokens) {
      const double params = *r_.flops / FlopsOf(r_, 1, *r_.tokens);
      return params >= kFewestParams ? std::optional(At(params, *r_.tokens)) : std::nullopt;
    }
    if (r_.flops) return BestAt(*r_.flops);
    if (r_.target_loss) return Reaching();
    return r_.params ? WhereBest(&PlanPoint::params, *r_.params) : WhereBest(&PlanPoint::tokens, *r_.tokens);
  }

  std::optional<PlanPoint> FreeBestAt(double flops) const {
    if (const auto point = ClosedBestAt(flops)) return point->loss > 0 ? point : std::nullopt;
    // One token at least, beyond what inference takes.
    const double most = flops / (r_.flops_per_param_token + 2 * r_.inference_tokens.value_or(0));
    const double low = std::log(kFewestParams), high = std::log(std::min(kMostParams, most));
    if (!(high > low)) return std::nullopt;
    const auto loss = [&](double log_params) {
      const double params = std::exp(log_params), tokens = TokensAt(r_, flops, params);
      if (!(tokens >= 1)) return kInfinity;
      const double value = Loss(params, tokens);
      return std::isfinite(value) ? value : kInfinity;
    };
    std::optional<double> best = near_ != nullptr ? NearestStationary(flops) : std::nullopt;
    if (!best) best = Minimise(loss, low, high);
    if (!best) return std::nullopt;
    const double params = std::exp(*best);
    return At(params, TokensAt(r_, flops, params));
  }

  std::optional<PlanPoint> BestAt(double flops) const {
    const std::optional<PlanPoint> best = FreeBestAt(flops);
    if (!best) return std::nullopt;
    // At one budget tokens per parameter go with 1 / N^2.
    double params = best->params / stretch_;
    if (r_.max_params) params = std::min(params, *r_.max_params);
    if (params == best->params) return best;
    if (params < kFewestParams) return std::nullopt;
    return WithTokens(params, TokensAt(r_, flops, params));
  }

 private:
  double Loss(double params, double tokens) const {
    if (!closed_) return surface_.Loss(parameters_, params, tokens, r_.unique_tokens);
    return closed_->Loss(params, r_.unique_tokens ? EffectiveTokens(tokens, *r_.unique_tokens) : tokens);
  }
  PlanPoint At(double params, double tokens) const { return {params, tokens, Loss(params, tokens)}; }
  std::optional<PlanPoint> WithTokens(double params, double tokens) const {
    return tokens >= 1 ? std::optional(At(params, tokens)) : std::nullopt;
  }

  /// The optimum in closed form; a loss of 0 where there is no run. Nothing where a search must tell.
  std::optional<PlanPoint> ClosedBestAt(double flops) const {
    if (!closed_ || r_.inference_tokens) return std::nullopt;
    const double params = lines_.params.At(flops), tokens = TokensAt(r_, flops, params);
    if (!(params >= kFewestParams && params <= kMostParams && tokens >= 1)) return PlanPoint{};
    // Repeats only cost: an optimum without any stays the optimum.
    if (r_.unique_tokens && tokens > *r_.unique_tokens) return std::nullopt;
    return At(params, tokens);
  }

  /// Where the loss of the closed form is stationary along the budget, near the neighbour's optimum: the root
  /// of ln of what a larger N takes off the loss over what fewer tokens add to it. Nothing where it is not
  /// there.
  std::optional<double> NearestStationary(double flops) const {
    if (!closed_ || near_ == nullptr) return std::nullopt;
    const ClosedSurface& c = *closed_;
    const double constant = std::log(c.alpha * c.a * r_.flops_per_param_token / (c.beta * c.b * flops));
    const auto gain = [&](double n) {
      const double tokens = TokensAt(r_, flops, std::exp(n));
      if (!(tokens >= 1)) return -kInfinity;
      double effective = tokens, repeats = 0;
      if (r_.unique_tokens && tokens > *r_.unique_tokens) {
        effective = EffectiveTokens(tokens, *r_.unique_tokens);
        repeats = (tokens / *r_.unique_tokens - 1) / kRepeatScale;
      }
      return constant - c.alpha * n + (c.beta + 1) * std::log(effective) + repeats + n;
    };
    const double at = std::log(near_->params);
    double low = at - kNeighbourhood, high = at + kNeighbourhood;
    double at_low = gain(low), at_high = gain(high);
    if (!(at_low > 0 && at_high < 0)) return std::nullopt;
    for (int i = 0, side = 0; i < 100 && high - low > kReplicateTolerance; ++i) {
      const bool secant = std::isfinite(at_high) && i % 3 != 2;
      const double middle = secant ? low + (high - low) * at_low / (at_low - at_high) : 0.5 * (low + high);
      const double value = gain(middle);
      if (std::abs(value) < kReplicateTolerance) return middle;
      if (value > 0) {
        low = middle;
        at_low = value;
        if (secant && side == 1) at_high *= 0.5;
        side = 1;
      } else {
        high = middle;
        at_high = value;
        if (secant && side == -1) at_low *= 0.5;
        side = -1;
      }
    }
    return 0.5 * (low + high);
  }

  /// The place of the least value of a function with one minimum: about the neighbour's, or by a scan of the
  /// whole range; then golden sections. Nothing if the least value lies at an end.
  template <typename Function>
  std::optional<double> Minimise(const Function& value, double low, double high) const {
    if (near_ != nullptr) {
      const double at = std::log(near_->params);
      const double a = std::max(low, at - kNeighbourhood), b = std::min(high, at + kNeighbourhood);
      if (a < at && at < b && value(a) > value(at) && value(b) > value(at)) {
        return solve::GoldenSection(value, a, b, kReplicateTolerance);
      }
    }
    constexpr int kScan = 64;
    int best = -1;
    double least = kInfinity;
    const double step = (high - low) / kScan;
    for (int i = 0; i <= kScan; ++i) {
      const double at = value(low + i * step);
      if (at < least) {
        least = at;
        best = i;
      }
    }
    if (best <= 0 || best >= kScan) return std::nullopt;
    return solve::GoldenSection(value, low + (best - 1) * step, low + (best + 1) * step,
                                near_ != nullptr ? kReplicateTolerance : kPlaceTolerance);
  }

  /// The ln C at which `excess(ln C)`, which rises, is 0. It is negative below the least run and absent
  /// beyond what can be searched; a secant inside a bracket (Illinois) does the rest.
  template <typename Function>
  std::optional<double> BudgetWhere(const Function& excess) const {
    const double decade = std::log(10.0), last = std::log(kMostFlops);
    double low = std::log(kLeastFlops), high = low, at_low = -kInfinity, at_high = -kInfinity;
    if (near_ != nullptr) {
      low = high = std::log(FlopsOf(r_, near_->params, near_->tokens)) - 2 * decade;
    }
    std::optional<double> first = excess(high);
    while (first && *first >= 0 && low > std::log(kLeastFlops)) {
      low = high = std::log(kLeastFlops);
      first = excess(high);
    }
    if (first) {
      if (*first >= 0) return std::nullopt;
      at_low = *first;
    }
    while (true) {
      high += decade;
      if (high > last) return std::nullopt;
      const std::optional<double> at = excess(high);
      if (at && *at >= 0) {
        at_high = *at;
        break;
      }
      low = high;
      at_low = at ? *at : -kInfinity;
    }
    const double tolerance = near_ != nullptr ? kReplicateTolerance : kPlaceTolerance;
    for (int i = 0, side = 0; i < 200 && high - low > tolerance; ++i) {
      const bool secant = std::isfinite(at_low) && at_high > at_low && i % 3 != 2;
      const double middle = secant ? low + (high - low) * -at_low / (at_high - at_low) : 0.5 * (low + high);
      const std::optional<double> at = excess(middle);
      if (at && *at == 0) return middle;
      if (at && *at > 0) {
        high = middle;
        at_high = *at;
        if (secant && side == 1) at_low *= 0.5;
        side = 1;
      } else {
        low = middle;
        at_low = at ? *at : -kInfinity;
        if (secant && side == -1) at_high *= 0.5;
        side = -1;
      }
    }
    return high;
  }

  /// The fewest FLOPs that reach the loss: at N or D where one is given, along the best N otherwise.
  std::optional<PlanPoint> Reaching() const {
    const double target = *r_.target_loss;
    if (closed_ && !r_.inference_tokens && !r_.unique_tokens) return ClosedReaching(target);
    if (closed_ && !r_.params && !r_.tokens && !r_.overtrain) return CheapestReaching(target);
    const auto point = [&](double flops) -> std::optional<PlanPoint> {
      if (r_.params) return WithTokens(*r_.params, TokensAt(r_, flops, *r_.params));
      if (!r_.tokens) return BestAt(flops);
      const double params = flops / FlopsOf(r_, 1, *r_.tokens);
      return params >= 1 ? std::optional(At(params, *r_.tokens)) : std::nullopt;
    };
    const auto log_flops = BudgetWhere([&](double at) -> std::optional<double> {
      const auto found = point(std::exp(at));
      return found ? std::optional(target - found->loss) : std::nullopt;
    });
    return log_flops ? point(std::exp(*log_flops)) : std::nullopt;
  }

  /// The cheapest N of those that reach the loss, with inference or repeats: D follows from N.
  std::optional<PlanPoint> CheapestReaching(double target) const {
    const ClosedSurface& c = *closed_;
    if (!(target > c.floor)) return std::nullopt;
    const double excess = c.k == 1 ? target - c.floor : std::pow(target - c.floor, 1 / c.k);
    const auto tokens_for = [&](double n) {
      const double left = excess - c.a * std::exp(-c.alpha * n);
      if (!(left > 0)) return kInfinity;
      const double fresh = std::exp(-std::log(left / c.b) / c.beta);
      if (!r_.unique_tokens || fresh <= *r_.unique_tokens) return fresh;
      // EffectiveTokens turned round; so many repeats are worth no more than (1 + R) U fresh ones.
      const double share = (fresh / *r_.unique_tokens - 1) / kRepeatScale;
      return share < 1 ? *r_.unique_tokens * (1 - kRepeatScale * std::log1p(-share)) : kInfinity;
    };
    const auto cost = [&](double n) {
      const double tokens = tokens_for(n);
      return std::isfinite(tokens) ? std::log(FlopsOf(r_, std::exp(n), tokens)) : kInfinity;
    };
    const double low = std::log(kFewestParams), high = std::log(kMostParams);
    std::optional<double> n = Minimise(cost, low, high);
    if (!n) return std::nullopt;
    if (r_.max_params) n = std::min(*n, std::log(*r_.max_params));
    const double tokens = tokens_for(*n);
    if (!std::isfinite(tokens) || *n < low) return std::nullopt;
    return WithTokens(std::exp(*n), tokens);
  }

  std::optional<PlanPoint> ClosedReaching(double target) const {
    const ClosedSurface& c = *closed_;
    if (!(target > c.floor)) return std::nullopt;
    const double excess = c.k == 1 ? target - c.floor : std::pow(target - c.floor, 1 / c.k);
    const auto tokens_for = [&](double params) -> std::optional<PlanPoint> {
      const double left = excess - c.a * std::pow(params, -c.alpha);
      return left > 0 ? WithTokens(params, std::pow(left / c.b, -1 / c.beta)) : std::nullopt;
    };
    if (r_.params) return tokens_for(*r_.params);
    if (r_.tokens) {
      const double left = excess - c.b * std::pow(*r_.tokens, -c.beta);
      if (!(left > 0)) return std::nullopt;
      return At(std::pow(left / c.a, -1 / c.alpha), *r_.tokens);
    }
    // Along the optimum, stretched by over-training or not, both terms go with one power of C.
    const double at_one =
        c.a * std::exp(-c.alpha * lines_.params.log_coefficient) * std::pow(stretch_, c.alpha) +
        c.b * std::exp(-c.beta * lines_.tokens.log_coefficient) * std::pow(stretch_, -c.beta);
    const double flops = std::exp(std::log(at_one / excess) / (c.alpha * lines_.params.exponent));
    const double params = lines_.params.At(flops) / stretch_;
    if (r_.max_params && params > *r_.max_params) return tokens_for(*r_.max_params);
    if (!(params >= kFewestParams && params <= kMostParams)) return std::nullopt;
    return WithTokens(params, TokensAt(r_, flops, params));
  }

  /// N or D alone: the budget at which it is the best one.
  std::optional<PlanPoint> WhereBest(double PlanPoint::*quantity, double wanted) const {
    const bool of_params = quantity == &PlanPoint::params;
    if (closed_ && !r_.inference_tokens && !r_.unique_tokens) {
      const ComputePowerLaw& line = of_params ? lines_.params : lines_.tokens;
      const double free = of_params ? wanted * stretch_ : wanted / stretch_;
      const double flops = std::exp((std::log(free) - line.log_coefficient) / line.exponent);
      double params = of_params ? wanted : lines_.params.At(flops) / stretch_;
      double tokens = of_params ? TokensAt(r_, flops, wanted) : wanted;
      if (r_.max_params && params > *r_.max_params) params = *r_.max_params;
      if (!(params >= kFewestParams && params <= kMostParams)) return std::nullopt;
      return WithTokens(params, tokens);
    }
    const auto log_flops = BudgetWhere([&](double at) -> std::optional<double> {
      const auto best = BestAt(std::exp(at));
      return best ? std::optional(std::log((*best).*quantity / wanted)) : std::nullopt;
    });
    if (!log_flops) return std::nullopt;
    const std::optional<PlanPoint> best = BestAt(std::exp(*log_flops));
    if (!best) return std::nullopt;
    return of_params ? At(wanted, best->tokens) : At(best->params, wanted);
  }

  const LossSurface& surface_;
  std::span<const double> parameters_;
  const PlanRequest& r_;
  const PlanPoint* near_;
  const std::optional<ClosedSurface> closed_;
  const double stretch_;  ///< N is divided and D multiplied by this to over-train
  OptimalPowerLaws lines_;
};

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
  return Solver(surface, parameters, request, nullptr).FreeBestAt(flops);
}

std::optional<PlanPoint> BestAt(const LossSurface& surface, std::span<const double> parameters,
                                const PlanRequest& request, double flops) {
  return Solver(surface, parameters, request, nullptr).BestAt(flops);
}

std::optional<PlanPoint> SolvePlan(const LossSurface& surface, std::span<const double> parameters,
                                   const PlanRequest& request, const PlanPoint* near) {
  return Solver(surface, parameters, request, near).Solve();
}

}  // namespace sextant::fitting
