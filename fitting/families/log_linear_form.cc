// SPDX-License-Identifier: Apache-2.0
#include "fitting/families/log_linear_form.h"

#include <absl/time/clock.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "fitting/families/family.h"
#include "fitting/optimum/near_optimal_runs.h"

namespace sextant::fitting {

double OtherScale(Target target, double value) { return target == Target::kAdamBeta2 ? 1 - value : value; }

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

OptimumOptions OptimumOptionsOf(const FitRequest& request, LawVariables variables) {
  OptimumOptions options;
  options.variables = variables;
  options.estimator = request.estimator.empty() ? "auto" : request.estimator;
  options.band = OptionsOr<NearOptimalOptions>(request).band;
  options.replicates = static_cast<int>(request.bootstrap_replicates);
  options.seed = request.seed;
  options.cancelled = [&request, deadline = DeadlineOf(request)] {
    return (request.cancelled != nullptr && request.cancelled->load(std::memory_order_relaxed)) ||
           absl::Now() > deadline;
  };
  return options;
}

absl::StatusOr<FitResult> FitToNearOptimalRuns(const std::shared_ptr<const Law>& law, const RunTable& runs,
                                               const FitRequest& request) {
  ASSIGN_OR_RETURN(RunTable selected, NearOptimalRuns(runs, OptionsOr<NearOptimalOptions>(request).band));
  ASSIGN_OR_RETURN(FitResult result, FitByLeastSquares(law, selected, request));
  result.estimator = "band";
  return result;
}

void RenameParameters(const LawSpec& law, FitResult& result) {
  for (std::size_t i = 0; i < result.parameters.size(); ++i) {
    result.parameters[i].name = law.parameters[i].name;
  }
}

}  // namespace sextant::fitting
