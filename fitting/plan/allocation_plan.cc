// SPDX-License-Identifier: Apache-2.0
#include "fitting/plan/allocation_plan.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include <cmath>

#include "fitting/plan/plan_parts.h"
#include "fitting/variables.h"

namespace sextant::fitting {
namespace {

constexpr char kSixNd[] = "6ND";
// ln C is searched here: from a toy run to beyond anything that can be paid for.
const double kLeastLogFlops = std::log(1e8), kMostLogFlops = std::log(1e38);
// N and D of two laws that multiply to another C than was given, by more than this: the laws do not agree.
constexpr double kUnbalanced = 0.05;

struct Point {
  double flops = 0, params = 0, tokens = 0;
};

class Lines {
 public:
  Lines(const ComputeOptimalLaws& laws, const PlanRequest& request) : laws_(laws), r_(request) {}

  /// Both at C for one pair of parameter vectors; 0 is the estimate, 1 the first replicate.
  Point At(double flops, std::size_t row) const {
    Point point{flops, 0, 0};
    if (laws_.params) point.params = Value(*laws_.params, flops, row);
    if (laws_.tokens) point.tokens = Value(*laws_.tokens, flops, row);
    const double product = flops / r_.flops_per_param_token;
    if (!laws_.params) point.params = product / point.tokens;
    if (!laws_.tokens) point.tokens = product / point.params;
    const double stretch = std::sqrt(r_.overtrain.value_or(1));
    point.params /= stretch;
    point.tokens *= stretch;
    if (r_.max_params && point.params > *r_.max_params) {
      point.tokens *= point.params / *r_.max_params;
      point.params = *r_.max_params;
    }
    return point;
  }

  /// By whatever the request gives.
  std::optional<Point> Solve(std::size_t row) const {
    if (r_.flops) return Checked(At(*r_.flops, row));
    const double wanted = r_.params ? *r_.params : *r_.tokens;
    const auto reached = [&](double log_flops) {
      const Point point = At(std::exp(log_flops), row);
      return (r_.params ? point.params : point.tokens) >= wanted;
    };
    double low = kLeastLogFlops, high = kMostLogFlops;
    if (reached(low) || !reached(high)) return std::nullopt;
    for (int i = 0; i < 60; ++i) {
      const double middle = 0.5 * (low + high);
      (reached(middle) ? high : low) = middle;
    }
    Point point = At(std::exp(high), row);
    (r_.params ? point.params : point.tokens) = wanted;
    return Checked(point);
  }

 private:
  static double Value(const ComputeLaw& law, double flops, std::size_t row) {
    const std::size_t count = law.parameters.size();
    const std::span<const double> parameters =
        row == 0 ? std::span(law.parameters) : std::span(law.replicates).subspan((row - 1) * count, count);
    return law.law->Evaluate(std::span(&flops, 1), parameters);
  }
  static std::optional<Point> Checked(const Point& point) {
    const bool fine =
        std::isfinite(point.params) && point.params >= 1 && std::isfinite(point.tokens) && point.tokens >= 1;
    return fine ? std::optional(point) : std::nullopt;
  }

  const ComputeOptimalLaws& laws_;
  const PlanRequest& r_;
};

std::size_t ReplicatesOf(const ComputeOptimalLaws& laws) {
  const auto count = [](const std::optional<ComputeLaw>& law) {
    return law && !law->parameters.empty() ? law->replicates.size() / law->parameters.size() : 0;
  };
  const std::size_t params = count(laws.params), tokens = count(laws.tokens);
  if (laws.params && laws.tokens) return std::min(params, tokens);
  return std::max(params, tokens);
}

const std::string& CountingOf(const ComputeOptimalLaws& laws) {
  return (laws.params ? *laws.params : *laws.tokens).law->spec().variables[0].counting;
}

std::string SourceOf(const ComputeOptimalLaws& laws) {
  if (!laws.params) return laws.tokens->source;
  if (!laws.tokens) return laws.params->source;
  return absl::StrCat(laws.params->source, " + ", laws.tokens->source);
}

std::string NeedsLoss(const PlanRequest& r) {
  if (r.target_loss) return "target_loss";
  if (r.unique_tokens) return "unique_tokens";
  if (r.inference_tokens) return "inference_tokens";
  if (r.flops && r.params) return "params beside flops";
  if (r.flops && r.tokens) return "tokens beside flops";
  if (r.params && r.tokens) return "params with tokens";
  return "";
}

}  // namespace

absl::StatusOr<ComputeLaw> MakeComputeLaw(std::string source, std::shared_ptr<const Law> law,
                                          std::vector<double> parameters, std::vector<double> replicates,
                                          Range fitted) {
  const LawSpec& spec = law->spec();
  if (spec.variables.size() != 1 || spec.variables[0].name != "C" ||
      (spec.target != Target::kParams && spec.target != Target::kTokens)) {
    return absl::FailedPreconditionError(
        absl::StrCat(source, ": ", spec.id, " is no law of the compute-optimal size or tokens in C alone"));
  }
  if (parameters.size() != spec.parameters.size() ||
      (!parameters.empty() && replicates.size() % parameters.size() != 0)) {
    return absl::InternalError(absl::StrCat(source, ": parameters and replicates do not fit the law"));
  }
  return ComputeLaw{std::move(source), std::move(law), std::move(parameters), std::move(replicates), fitted};
}

absl::StatusOr<AllocationPlan> PlanOnAllocation(const ComputeOptimalLaws& laws, const PlanRequest& given) {
  if (const std::vector<std::string> problems = ValidatePlanRequest(given); !problems.empty()) {
    return absl::InvalidArgumentError(absl::StrJoin(problems, "; "));
  }
  const PlanRequest request = plan::WithFlops(given);
  const std::string source = SourceOf(laws);
  if (const std::string field = NeedsLoss(request); !field.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(source, ": ", field,
                     ": needs a law of the loss in N and D; a law of the optimum alone does "
                     "not tell"));
  }
  const std::string& counting = CountingOf(laws);
  const bool six_nd = counting.empty() || counting == kSixNd;
  if (!(laws.params && laws.tokens) && !six_nd) {
    return absl::FailedPreconditionError(absl::StrCat(
        source, ": C is counted ", counting, ", so ", laws.params ? "tokens do" : "parameters do",
        " not follow from it: name a law of the compute-optimal ", laws.params ? "tokens" : "size", " too"));
  }
  const Lines lines(laws, request);
  const std::optional<Point> point = lines.Solve(0);
  if (!point) {
    return absl::FailedPreconditionError(
        absl::StrCat(source, ": ",
                     request.flops    ? "flops"
                     : request.params ? "params"
                                      : "tokens",
                     ": the law gives no run of one parameter and one token at this budget"));
  }
  const std::size_t asked = ReplicatesOf(laws);
  std::vector<double> params, tokens, ratio;
  for (std::size_t r = 1; r <= asked; ++r) {
    const std::optional<Point> own = lines.Solve(r);
    if (!own) continue;
    params.push_back(own->params);
    tokens.push_back(own->tokens);
    ratio.push_back(own->tokens / own->params);
  }
  AllocationPlan plan;
  plan.source = source;
  plan.basis = "allocation";
  plan.flops_count = six_nd ? "6 N D" : counting;
  plan.params = plan::WithInterval(point->params, params, request.interval, asked);
  plan.tokens = plan::WithInterval(point->tokens, tokens, request.interval, asked);
  plan.tokens_per_param = plan::WithInterval(point->tokens / point->params, ratio, request.interval, asked);
  plan.loss.value = std::nan("");
  plan.flops = point->flops;
  if (asked == 0) plan.warnings.push_back("no interval: the law has no replicates");
  if (!six_nd) {
    plan.warnings.push_back(absl::StrCat("FLOPs are counted ", counting, ": state the budget the same way"));
  } else if (const double balance =
                 request.flops_per_param_token * point->params * point->tokens / point->flops;
             laws.params && laws.tokens && std::abs(std::log(balance)) > kUnbalanced) {
    plan.warnings.push_back(absl::StrFormat(
        "%g N D of the two laws is %.3g times the budget: they do not belong to one count of FLOPs",
        request.flops_per_param_token, balance));
  }
  plan::AddCosts(request, true, plan);
  const ComputeLaw& first = laws.params ? *laws.params : *laws.tokens;
  const double beyond = BeyondRange(first.fitted, point->flops);
  plan.extrapolation_params = plan.extrapolation_tokens = std::sqrt(beyond);
  plan::WarnBeyond(beyond,
                   absl::StrFormat("this budget lies %.3gx beyond those that the law was fitted on", beyond),
                   plan);
  return plan;
}

}  // namespace sextant::fitting
