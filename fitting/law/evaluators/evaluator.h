// SPDX-License-Identifier: Apache-2.0
// Evaluators: laws that no expression can state, because they are implicit. A law file names one with
// `evaluator` and declares its variables and parameters under the names given here, in any order. Whoever
// computes one registers it (fitting/curve/law_evaluators.cc).
#pragma once

#include <string>
#include <vector>

namespace sextant::fitting {

/// A pure function of one point. Thread-safe.
struct Evaluator {
  std::string name;
  std::vector<std::string> variables;
  std::vector<std::string> parameters;
  /// Value at one point; NaN outside the law's domain. `gradient`, when not null, takes the derivatives by
  /// parameter. Variables and parameters come in the order above.
  double (*evaluate)(const double* variables, const double* parameters, double* gradient);
};

/// Makes an evaluator known by its name. Only as a constant at namespace scope, before main runs.
struct EvaluatorRegistration {
  explicit EvaluatorRegistration(Evaluator evaluator);
};

/// nullptr if there is none of that name. Thread-safe once main runs, like EvaluatorNames.
const Evaluator* FindEvaluator(const std::string& name);
/// In alphabetical order.
std::vector<std::string> EvaluatorNames();

}  // namespace sextant::fitting
