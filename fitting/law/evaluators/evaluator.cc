// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/evaluators/evaluator.h"

#include <algorithm>
#include <deque>
#include <utility>

namespace sextant::fitting {
namespace {

/// A deque: pointers to its entries stay valid.
std::deque<Evaluator>& Registered() {
  static std::deque<Evaluator> evaluators;
  return evaluators;
}

}  // namespace

EvaluatorRegistration::EvaluatorRegistration(Evaluator evaluator) {
  Registered().push_back(std::move(evaluator));
}

const Evaluator* FindEvaluator(const std::string& name) {
  for (const Evaluator& evaluator : Registered()) {
    if (evaluator.name == name) return &evaluator;
  }
  return nullptr;
}

std::vector<std::string> EvaluatorNames() {
  std::vector<std::string> names;
  for (const Evaluator& evaluator : Registered()) names.push_back(evaluator.name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace sextant::fitting
