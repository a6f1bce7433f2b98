// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/law_basis.h"

namespace sextant::fitting::optimum {

LogVariables LawLogVariables(LawVariables variables, double log_params, double log_tokens) {
  constexpr double kLogSix = 1.791759469228055;  // C = 6 N D (Kaplan et al. 2020, section 2.1)
  switch (variables) {
    case LawVariables::kParamsTokens:
      return {{log_params, log_tokens}, 2};
    case LawVariables::kParams:
      return {{log_params, 0}, 1};
    case LawVariables::kTokens:
      return {{log_tokens, 0}, 1};
    case LawVariables::kCompute:
      return {{kLogSix + log_params + log_tokens, 0}, 1};
    case LawVariables::kTokensPerParam:
      return {{log_tokens - log_params, 0}, 1};
  }
  return {{0, 0}, 0};
}

std::vector<std::string> LawParameterNames(LawVariables variables) {
  switch (variables) {
    case LawVariables::kParamsTokens:
      return {"log_c", "a", "b"};
    case LawVariables::kTokens:
      return {"log_c", "b"};
    default:
      return {"log_c", "a"};
  }
}

std::vector<std::string> LawVariableNames(LawVariables variables) {
  switch (variables) {
    case LawVariables::kParamsTokens:
      return {"params", "tokens"};
    case LawVariables::kParams:
      return {"params"};
    case LawVariables::kTokens:
      return {"tokens"};
    case LawVariables::kCompute:
      return {"compute"};
    case LawVariables::kTokensPerParam:
      return {"tokens per parameter"};
  }
  return {};
}

std::string TargetName(OptimumTarget target) {
  return target == OptimumTarget::kLearningRate ? "learning_rate" : "batch_size_tokens";
}

double EvaluateLogLaw(LawVariables variables, const double* parameters, double log_params,
                      double log_tokens) {
  const LogVariables point = LawLogVariables(variables, log_params, log_tokens);
  double value = parameters[0];
  for (std::size_t k = 0; k < point.count; ++k) {
    value += parameters[1 + k] * point.x[k];
  }
  return value;
}

}  // namespace sextant::fitting::optimum
