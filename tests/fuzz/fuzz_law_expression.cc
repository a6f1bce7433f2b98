// SPDX-License-Identifier: Apache-2.0
// Any text as the expression of a law: it is refused or it compiles, and then every program of it runs over
// hostile columns and parameters without a crash.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "fitting/law/law.h"

namespace {

using namespace sextant::fitting;

LawSpec Spec(std::string expression) {
  LawSpec spec;
  spec.id = "fuzz";
  spec.target = Target::kLoss;
  spec.expression = std::move(expression);
  for (const char* name : {"N", "D", "x"}) spec.variables.emplace_back().name = name;
  for (const char* name : {"a", "b", "E", "alpha"}) {
    // Parameters must be used: only those that the text mentions are declared.
    if (spec.expression.find(name) == std::string::npos) continue;
    ParameterSpec& parameter = spec.parameters.emplace_back();
    parameter.name = name;
    if (parameter.name == "E") parameter.bounds.low = 0;
    if (parameter.name == "alpha") parameter.transform = "log";
  }
  return spec;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto law = Law::Compile(Spec(std::string(reinterpret_cast<const char*>(data), size)));
  if (!law.ok()) {
    if (law.status().message().empty()) std::abort();  // a refusal says why
    return 0;
  }
  constexpr double kHuge = std::numeric_limits<double>::max(),
                   kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<double> n = {1e9, 1, 0, -1, kHuge, std::nan(""), 3, 5e-324, 1e8};
  const std::vector<double> d = {1e10, 2, 0, 1e300, -kHuge, 1, kInfinity, 7, 1e11};
  const std::vector<double> x = {5, 0.5, -0.0, 1e-300, 1, 2, 3, 4, 1e3};
  auto bound = BoundLaw::Bind(*law, {n, d, x});
  const std::size_t points = n.size(), count = (*law)->spec().parameters.size();
  const std::size_t pairs = bound->SecondDerivativePairs()->size();
  std::vector<double> value(points), jacobian(points * count), second(points * pairs);
  for (const double p : {0.3, 0.0, -1e300, kInfinity}) {
    const std::vector<double> parameters(count, p);
    const double at_first = (*law)->Evaluate(std::vector<double>{n[0], d[0], x[0]}, parameters);
    bound->ValuesAndJacobian(parameters, value, jacobian);
    // Both ways agree on whether there is a number at all.
    if (std::isnan(at_first) != std::isnan(value[0])) std::abort();
    bound->Values(parameters, value);
    bound->LogValuesAndJacobian(parameters, value, jacobian);
    bound->LogValuesAndSecondDerivatives(parameters, value, jacobian, second);
  }
  const std::vector<std::uint32_t> rows = {8, 0, 0};
  bound->SelectPoints(rows);
  value.resize(rows.size());
  bound->Values(std::vector<double>(count, 0.5), value);
  return 0;
}
