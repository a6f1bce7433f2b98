// SPDX-License-Identifier: Apache-2.0
// A law as a user would write it, from a line of text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fitting/law/law.h"

namespace sextant::fitting::golden {

struct TextParameter {
  std::string name;
  Range bounds;
  std::string transform;
  std::vector<double> starts;
};

/// nullptr where the text does not compile.
inline std::shared_ptr<const Law> TextLaw(const std::string& expression,
                                          const std::vector<std::string>& variables,
                                          const std::vector<TextParameter>& parameters,
                                          const std::string& fit_loss = "squared") {
  LawSpec spec;
  spec.id = "text";
  spec.target = Target::kLoss;
  spec.expression = expression;
  spec.fit_loss = fit_loss;
  for (const std::string& name : variables) {
    spec.variables.emplace_back();
    spec.variables.back().name = name;
  }
  for (const TextParameter& given : parameters) {
    ParameterSpec parameter;
    parameter.name = given.name;
    parameter.bounds = given.bounds;
    parameter.transform = given.transform;
    parameter.starts = given.starts;
    spec.parameters.push_back(parameter);
  }
  const auto law = Law::Compile(spec);
  return law.ok() ? *law : nullptr;
}

}  // namespace sextant::fitting::golden
