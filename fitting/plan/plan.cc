// SPDX-License-Identifier: Apache-2.0
#include "fitting/plan/plan.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include <cmath>

#include "base/quantile.h"
#include "base/status_macros.h"
#include "fitting/plan/optimum.h"
#include "fitting/plan/plan_parts.h"
#include "fitting/variables.h"

namespace sextant::fitting {
namespace plan {
namespace {

constexpr double kSecondsPerDay = 86400, kSecondsPerHour = 3600;
// Percentiles need replicates that have an answer at all; with fewer there is no interval.
constexpr double kLeastAnsweringShare = 0.5;
// From here on an answer is an extrapolation that deserves a warning: one decade.
constexpr double kFarBeyond = 10, kGuess = 1000;
// Passes over the data beyond which little is gained (Muennighoff et al. 2023).
constexpr double kManyEpochs = 40;

}  // namespace

Quantity WithInterval(double value, std::vector<double>& replicates, double interval, std::size_t asked) {
  Quantity quantity;
  quantity.value = value;
  if (asked == 0 ||
      static_cast<double>(replicates.size()) < kLeastAnsweringShare * static_cast<double>(asked)) {
    return quantity;
  }
  thread_local std::vector<double> scratch;
  const auto [low, high] = TailQuantiles(replicates, (1 - interval) / 2, scratch);
  if (std::isfinite(low) && std::isfinite(high)) {
    quantity.low = low;
    quantity.high = high;
  }
  return quantity;
}

PlanRequest WithFlops(PlanRequest request) {
  if (request.gpus && request.days) {
    request.flops =
        *request.gpus * *request.days * kSecondsPerDay * *request.gpu_flops_per_second * *request.utilisation;
  }
  return request;
}

void AddCosts(const PlanRequest& request, bool law_has_unique_tokens, AllocationPlan& plan) {
  if (request.inference_tokens) plan.inference_flops = 2 * plan.params.value * *request.inference_tokens;
  if (request.gpu_flops_per_second) {
    const double seconds = plan.flops / (*request.gpu_flops_per_second * *request.utilisation);
    plan.gpu_hours = seconds / kSecondsPerHour;
    if (request.gpus) plan.wall_days = seconds / (*request.gpus * kSecondsPerDay);
  }
  if (request.unique_tokens) {
    plan.epochs = plan.tokens.value / *request.unique_tokens;
    if (*plan.epochs > 1 && !law_has_unique_tokens) {
      plan.warnings.push_back(absl::StrFormat(
          "repeats are discounted by Muennighoff et al. 2023 (R_D = %.4g), not by the runs of this law",
          kRepeatScale));
    }
    if (*plan.epochs > kManyEpochs)
      plan.warnings.push_back("more than 40 epochs: little is gained there (Muennighoff et al. 2023)");
  }
}

void WarnBeyond(double farthest, const std::string& what, AllocationPlan& plan) {
  if (!(farthest >= kFarBeyond)) return;
  plan.warnings.push_back(absl::StrCat(
      what, ": ", farthest >= kGuess ? "a guess, not a forecast" : "check it with runs in between"));
}

}  // namespace plan

namespace {

// A budget beyond all that is paid for, where a law shows its floor.
constexpr double kFarBudget = 1e33;
// The loss at the plan's point, by the fastest way there is.
double LossAt(const LossSurface& surface, std::span<const double> parameters, const PlanPoint& point,
              const std::optional<double>& unique_tokens) {
  const auto closed = surface.Closed(parameters);
  if (!closed) return surface.Loss(parameters, point.params, point.tokens, unique_tokens);
  return closed->Loss(point.params,
                      unique_tokens ? EffectiveTokens(point.tokens, *unique_tokens) : point.tokens);
}

absl::Status NoPlan(const LossSurface& surface, const PlanRequest& request) {
  const std::string& source = surface.source();
  if (request.target_loss) {
    const auto far = BestAt(surface, surface.parameters(), request, kFarBudget);
    return absl::FailedPreconditionError(absl::StrCat(
        source, ": target_loss: ", *request.target_loss, " is out of reach",
        far ? absl::StrFormat(": with these constraints the law ends near %.4g", far->loss) : ""));
  }
  if (request.inference_tokens && request.flops) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "%s: inference_tokens: %.4g tokens of inference leave nothing of %.4g FLOPs to train with", source,
        *request.inference_tokens, *request.flops));
  }
  if (request.max_params && *request.max_params < 1000) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "%s: max_params: %g is below the smallest run of 1000 parameters", source, *request.max_params));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(source, ": ",
                   request.flops    ? "flops"
                   : request.params ? "params"
                                    : "tokens",
                   ": the law has no best size at this budget: it is below the smallest run, or the loss "
                   "falls towards an end of 1e3 to "
                   "1e16 parameters"));
}

// N around the plan whose loss at the plan's budget is within the tolerance of the least.
void AddValley(const LossSurface& surface, const PlanRequest& request, double flops, AllocationPlan& plan) {
  const auto least = FreeBestAt(surface, surface.parameters(), request, flops);
  if (!least) return;
  const double limit = least->loss * (1 + request.tolerance);
  const auto within = [&](double log_params) {
    const double params = std::exp(log_params), tokens = TokensAt(request, flops, params);
    return tokens >= 1 && surface.Loss(surface.parameters(), params, tokens, request.unique_tokens) <= limit;
  };
  for (const double direction : {-1.0, 1.0}) {
    double inside = std::log(least->params), outside = inside;
    for (int i = 0; i < 40 && within(outside); ++i) outside += direction * 0.5;
    for (int i = 0; i < 40; ++i) {
      const double middle = 0.5 * (inside + outside);
      (within(middle) ? inside : outside) = middle;
    }
    (direction < 0 ? plan.valley_low : plan.valley_high) = std::exp(inside);
  }
  if (plan.loss.value > limit) {
    plan.warnings.push_back(absl::StrFormat(
        "the constraints cost loss: %.4g instead of %.4g at %.4g parameters for the same FLOPs (%.2f %% "
        "more)",
        plan.loss.value, least->loss, least->params, 100 * (plan.loss.value / least->loss - 1)));
  }
}

void AddFrontier(const LossSurface& surface, const PlanRequest& request, double flops, AllocationPlan& plan) {
  for (const double factor : {0.25, 0.5, 1 / std::sqrt(2.0), 1.0, std::sqrt(2.0), 2.0, 4.0}) {
    const double params = plan.params.value * factor, tokens = TokensAt(request, flops, params);
    if (!(tokens >= 1)) continue;
    plan.frontier.push_back(
        {params, tokens, surface.Loss(surface.parameters(), params, tokens, request.unique_tokens)});
  }
}

void AddRanges(const LossSurface& surface, AllocationPlan& plan) {
  plan.extrapolation_params = BeyondRange(surface.fitted("N"), plan.params.value);
  plan.extrapolation_tokens = BeyondRange(surface.fitted("D"), plan.tokens.value);
  const double farthest = std::max(plan.extrapolation_params, plan.extrapolation_tokens);
  plan::WarnBeyond(
      farthest,
      absl::StrFormat(
          "this lies %.3gx beyond the sizes and %.3gx beyond the tokens that the law was fitted on",
          plan.extrapolation_params, plan.extrapolation_tokens),
      plan);
}

}  // namespace

absl::StatusOr<AllocationPlan> PlanAllocation(const LossSurface& surface, const PlanRequest& given) {
  if (const std::vector<std::string> problems = ValidatePlanRequest(given); !problems.empty()) {
    return absl::InvalidArgumentError(absl::StrJoin(problems, "; "));
  }
  const PlanRequest request = plan::WithFlops(given);
  const std::optional<PlanPoint> point = SolvePlan(surface, surface.parameters(), request);
  if (!point || !std::isfinite(point->loss)) return NoPlan(surface, request);

  std::vector<double> params, tokens, ratio, loss;
  for (std::vector<double>* draws : {&params, &tokens, &ratio, &loss})
    draws->reserve(surface.replicate_count());
  for (std::size_t r = 0; r < surface.replicate_count(); ++r) {
    const std::span<const double> row = surface.replicate(r);
    const std::optional<PlanPoint> own = SolvePlan(surface, row, request, &*point);
    const double at_plan = LossAt(surface, row, *point, request.unique_tokens);
    if (!own || !std::isfinite(at_plan)) continue;
    params.push_back(own->params);
    tokens.push_back(own->tokens);
    ratio.push_back(own->tokens / own->params);
    loss.push_back(at_plan);
  }
  AllocationPlan plan;
  plan.source = surface.source();
  const std::size_t asked = surface.replicate_count();
  plan.params = plan::WithInterval(point->params, params, request.interval, asked);
  plan.tokens = plan::WithInterval(point->tokens, tokens, request.interval, asked);
  plan.tokens_per_param = plan::WithInterval(point->tokens / point->params, ratio, request.interval, asked);
  plan.loss = plan::WithInterval(point->loss, loss, request.interval, asked);
  if (asked == 0) plan.warnings.push_back("no interval: the law has no replicates");
  if (params.size() < asked) {
    plan.warnings.push_back(
        absl::StrCat(asked - params.size(), " of ", asked, " replicates have no best size at this budget"));
  }
  plan.flops = request.flops_per_param_token * plan.params.value * plan.tokens.value;
  plan::AddCosts(request, surface.has_unique_tokens(), plan);
  const double total = FlopsOf(request, plan.params.value, plan.tokens.value);
  AddValley(surface, request, total, plan);
  AddFrontier(surface, request, total, plan);
  AddRanges(surface, plan);
  return plan;
}

}  // namespace sextant::fitting
