#include "fitting/fit.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "fitting/critical_batch_fit.h"
#include "fitting/law/target_names.h"
#include "fitting/optimum/optimum_fit.h"
#include "fitting/optimum_record.h"
#include "fitting/optimum_runs.h"
#include "fitting/other_optimum_fit.h"
#include "fitting/predict.h"
#include "fitting/provenance.h"
#include "fitting/solve/fit_law.h"

namespace sextant::fitting {
namespace {

constexpr std::int64_t kMaxReplicatesAsked = 100'000;

bool PredictsOptimum(const LawSpec& law) {
  return law.target == Target::kLearningRate || law.target == Target::kBatchSizeTokens ||
         IsOtherHyperparameter(law.target);
}

/// The log-linear form behind a law, found by evaluating it: exp(log_c) times powers of its variables, with
/// parameters in that order; for beta2, that of 1 - beta2. Nothing for any other form.
std::optional<LawVariables> LogLinearForm(const Law& law) {
  const LawSpec& spec = law.spec();
  std::vector<std::string> names;
  for (const VariableSpec& variable : spec.variables) names.push_back(variable.name);
  std::optional<LawVariables> form;
  if (names == std::vector<std::string>{"N", "D"}) form = LawVariables::kParamsTokens;
  if (names == std::vector<std::string>{"N"}) form = LawVariables::kParams;
  if (names == std::vector<std::string>{"D"}) form = LawVariables::kTokens;
  if (names == std::vector<std::string>{"C"}) form = LawVariables::kCompute;
  if (!form || spec.parameters.size() != names.size() + 1) return std::nullopt;
  for (const ParameterSpec& parameter : spec.parameters) {
    if (parameter.fixed) return std::nullopt;
  }
  for (const double probe : {0.3, -0.7, 1.1}) {
    std::vector<double> variables, parameters{probe};
    double expected = probe;
    for (std::size_t i = 0; i < names.size(); ++i) {
      variables.push_back(std::exp(2.0 + probe + 1.5 * static_cast<double>(i)));
      parameters.push_back(0.25 - probe * static_cast<double>(i + 1));
      expected += parameters.back() * std::log(variables.back());
    }
    const double value = OtherScale(spec.target, law.Evaluate(variables, parameters));
    if (!(std::abs(std::log(value) - expected) < 1e-9)) return std::nullopt;
  }
  return form;
}

absl::StatusOr<FitResult> FitLogLinearOptimum(const LawSpec& spec, LawVariables variables,
                                              const RunTable& runs, const FitRequest& request) {
  OptimumOptions options;
  options.target = spec.target == Target::kBatchSizeTokens ? OptimumTarget::kBatchSizeTokens
                                                           : OptimumTarget::kLearningRate;
  options.variables = variables;
  options.estimator = request.estimator.empty() ? "auto" : request.estimator;
  options.band = request.band;
  options.replicates = static_cast<int>(request.bootstrap_replicates);
  options.seed = request.seed;
  const absl::Time deadline = request.deadline_seconds > 0
                                  ? absl::Now() + absl::Seconds(request.deadline_seconds)
                                  : absl::InfiniteFuture();
  options.cancelled = [&request, deadline] {
    return (request.cancelled != nullptr && request.cancelled->load(std::memory_order_relaxed)) ||
           absl::Now() > deadline;
  };
  FitResult result;
  if (IsOtherHyperparameter(spec.target)) {
    ASSIGN_OR_RETURN(FitResult other, FitOtherOptimum(spec.target, runs, options));
    result = std::move(other);
  } else {
    ASSIGN_OR_RETURN(OptimumFit fit, FitOptimum(runs, options));
    OptimumToResult(fit, result);
  }
  // The user's own names for the parameters.
  for (std::size_t i = 0; i < result.parameters.size(); ++i) {
    result.parameters[i].name = spec.parameters[i].name;
  }
  return result;
}

absl::StatusOr<FitResult> FitLeastSquares(const std::shared_ptr<const Law>& law, const RunTable& runs,
                                          const RunTable& holdout, const FitRequest& request) {
  const bool optimum = PredictsOptimum(law->spec());
  // A rate or batch law of a form of its own is fitted to the near-optimal runs.
  ASSIGN_OR_RETURN(RunTable selected, optimum ? NearOptimalRuns(runs, request.band) : runs);
  ASSIGN_OR_RETURN(LawData data, LawDataFromRuns(*law, selected));
  SolveOptions options;
  if (!request.loss.empty()) {
    ASSIGN_OR_RETURN(Objective objective, ParseObjective(request.loss));
    options.objective = objective;
  }
  options.fixed = request.fixed_parameters;
  options.replicates = static_cast<int>(request.bootstrap_replicates);
  options.seed = request.seed;
  options.cancel = request.cancelled;
  if (request.deadline_seconds > 0) options.deadline = absl::Now() + absl::Seconds(request.deadline_seconds);
  absl::StatusOr<FitResult> result = FitLaw(law, data, options);
  if (!result.ok()) return result.status();
  result->estimator = optimum ? "band" : "least-squares";
  if (!optimum && holdout.size() > 0) {
    ASSIGN_OR_RETURN(LawData held_out, LawDataFromRuns(*law, holdout));
    if (held_out.size() == 0) {
      result->warnings.push_back("the held-out filter matched no run with the quantities this law needs");
    } else {
      std::vector<double> parameters;
      for (const ParameterEstimate& parameter : result->parameters) parameters.push_back(parameter.estimate);
      ASSIGN_OR_RETURN(HoldoutScore score, ScoreHeldOut(law, parameters, held_out));
      result->holdout = score;
    }
  }
  return result;
}

}  // namespace

std::vector<std::string> ValidateFitRequest(const FitRequest& request, const LawSpec& law) {
  std::vector<std::string> problems;
  if (request.bootstrap_replicates < 0 || request.bootstrap_replicates > kMaxReplicatesAsked) {
    problems.push_back(absl::StrCat("bootstrap_replicates: ", request.bootstrap_replicates,
                                    " is outside 0 to ", kMaxReplicatesAsked));
  }
  if (!(request.band > 0 && request.band <= 0.5)) {
    problems.push_back(
        absl::StrCat("band: ", request.band, " is outside (0, 0.5]; 0.0025 keeps runs within 0.25 %"));
  }
  const bool critical = law.target == Target::kCriticalBatchSizeTokens;
  if ((PredictsOptimum(law) || critical) && !request.estimator.empty()) {
    const std::vector<std::string>& known = critical ? CriticalBatchEstimatorNames() : EstimatorNames();
    if (std::find(known.begin(), known.end(), request.estimator) == known.end()) {
      problems.push_back(
          absl::StrCat("estimator: '", request.estimator, "' is not one of ", absl::StrJoin(known, ", ")));
    }
  }
  if (!(request.overhead > 0 && request.overhead <= 10)) {
    problems.push_back(absl::StrCat("overhead: ", request.overhead, " is outside (0, 10]; 0.2 is 20 %"));
  }
  if (!(request.overhead_anchor_tokens >= 0 && std::isfinite(request.overhead_anchor_tokens))) {
    problems.push_back("overhead_anchor_tokens: must be positive and finite");
  }
  if (!request.target_losses.empty() && !critical) {
    problems.push_back("target_losses: only laws of the critical batch take them");
  }
  if (critical && !request.holdout_filter.empty()) {
    problems.push_back("holdout_filter: not for laws of the critical batch: a cell is no run to be scored");
  }
  if (IsOtherHyperparameter(law.target) && !request.holdout_filter.empty()) {
    problems.push_back(absl::StrCat("holdout_filter: not for laws of ", TargetName(law.target),
                                    ": runs kept back have no score for one"));
  }
  if (!request.loss.empty()) {
    if (absl::StatusOr<Objective> objective = ParseObjective(request.loss); !objective.ok()) {
      problems.push_back(absl::StrCat("loss: ", std::string(objective.status().message())));
    }
  }
  for (const auto& [name, value] : request.fixed_parameters) {
    const bool known =
        std::any_of(law.parameters.begin(), law.parameters.end(),
                    [&name = name](const ParameterSpec& parameter) { return parameter.name == name; });
    if (!known) problems.push_back(absl::StrCat("fixed_parameters: the law has no parameter '", name, "'"));
    if (!std::isfinite(value)) problems.push_back(absl::StrCat("fixed_parameters.", name, ": not finite"));
  }
  return problems;
}

absl::StatusOr<FitResult> Fit(const std::shared_ptr<const Law>& law, const RunTable& runs,
                              const RunTable& holdout, const FitRequest& request) {
  const LawSpec& spec = law->spec();
  if (std::vector<std::string> problems = ValidateFitRequest(request, spec); !problems.empty()) {
    return absl::InvalidArgumentError(absl::StrJoin(problems, "; "));
  }
  if (runs.size() == 0 && holdout.size() > 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the hold-out '", request.holdout_filter, "' keeps back all ", holdout.size(),
        " runs that the filter selects: nothing is left to fit; widen the filter or narrow the hold-out"));
  }
  const std::optional<LawVariables> log_linear =
      PredictsOptimum(spec) && request.fixed_parameters.empty() ? LogLinearForm(*law) : std::nullopt;
  absl::StatusOr<FitResult> result = log_linear ? FitLogLinearOptimum(spec, *log_linear, runs, request)
                                                : FitLeastSquares(law, runs, holdout, request);
  if (!result.ok()) return result.status();

  SetProvenance(spec, runs, request, *result);
  if (!request.holdout_filter.empty() && holdout.size() == 0) {
    result->warnings.push_back(absl::StrCat("the hold-out '", request.holdout_filter,
                                            "' matches no run that the filter selects: nothing was scored"));
  }
  if (PredictsOptimum(spec) && !IsOtherHyperparameter(spec.target) && holdout.size() > 0) {
    ASSIGN_OR_RETURN(std::shared_ptr<const Predictor> predictor, Predictor::FromFit("", *result));
    ASSIGN_OR_RETURN(HoldoutScore score, ScoreOptimum(*predictor, holdout));
    result->holdout = score;
  }
  return result;
}

}  // namespace sextant::fitting
