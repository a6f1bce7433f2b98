// SPDX-License-Identifier: Apache-2.0
// The log-linear laws exp(log_c) * N^a * D^b and their one-variable relatives as rows of a design matrix.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting::optimum {

/// ln of the law's variables at one point; `count` of the two entries are in use.
struct LogVariables {
  std::array<double, 2> x;
  std::size_t count;
};

/// `log_params` = ln N, `log_tokens` = ln D; C = 6 N D.
LogVariables LawLogVariables(LawVariables variables, double log_params, double log_tokens);

/// log_c and the exponents' names, in law order.
std::vector<std::string> LawParameterNames(LawVariables variables);

/// The variables' names as users know them: "params", "tokens", "compute", "tokens per parameter".
std::vector<std::string> LawVariableNames(LawVariables variables);

/// "learning_rate" or "batch_size_tokens".
std::string TargetName(OptimumTarget target);

/// ln of the law at (ln N, ln D); `parameters` points at log_c and the exponents.
double EvaluateLogLaw(LawVariables variables, const double* parameters, double log_params, double log_tokens);

}  // namespace sextant::fitting::optimum
