// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/priors.h"

namespace sextant::fitting::optimum {

std::vector<ExponentPrior> ExponentPriors(OptimumTarget target, LawVariables variables) {
  const bool rate = target == OptimumTarget::kLearningRate;
  // Exponent along constant D/N and its spread over recipes; then the exponent of D at fixed N.
  const double path = rate ? -0.33 : 0.57;
  const double path_deviation = rate ? 0.12 : 0.15;
  const double tokens = rate ? 0.2 : 0.5;
  switch (variables) {
    case LawVariables::kParamsTokens:
      return {{{1, 1}, path, path_deviation}, {{0, 1}, tokens, 0.2}};
    case LawVariables::kCompute:
      // C grows as N^2 along constant D/N.
      return {{{1, 0}, path / 2, 0.2}};
    case LawVariables::kParams:
      return {{{1, 0}, path, 0.4}};
    case LawVariables::kTokens:
      return {{{1, 0}, tokens, 0.4}};
    case LawVariables::kTokensPerParam:
      return {{{1, 0}, 0, 0.4}};
  }
  return {};
}

}  // namespace sextant::fitting::optimum
