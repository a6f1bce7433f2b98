// SPDX-License-Identifier: Apache-2.0
#include "server/evaluate_law.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "fitting/predict.h"
#include "server/error.h"
#include "server/schedule_rates.h"

namespace sextant::server {
namespace {

using Given = google::protobuf::Map<std::string, double>;

/// Values by the law's own order; what is missing, unknown or not finite goes to `violations`.
template <typename Spec>
std::vector<double> InOrder(const std::vector<Spec>& specs, const Given& given, std::vector<double> values,
                            const std::string& field, std::vector<FieldViolation>& violations) {
  std::size_t known = 0;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (const auto found = given.find(specs[i].name); found != given.end()) {
      values[i] = found->second;
      ++known;
      if (!std::isfinite(values[i]))
        violations.push_back({absl::StrCat(field, ".", specs[i].name), "not finite"});
    } else if (std::isnan(values[i])) {
      violations.push_back({absl::StrCat(field, ".", specs[i].name), "missing: the law needs it"});
    }
  }
  if (known == given.size()) return values;
  std::string names;
  for (const Spec& spec : specs) absl::StrAppend(&names, names.empty() ? "" : ", ", spec.name);
  for (const auto& [name, value] : given) {
    bool ours = false;
    for (const Spec& spec : specs) ours = ours || spec.name == name;
    if (!ours) {
      violations.push_back(
          {absl::StrCat(field, ".", name),
           absl::StrCat("the law has none of this name", names.empty() ? "" : "; it has ", names)});
    }
  }
  return values;
}

}  // namespace

absl::Status EvaluateLaw(const fitting::Law& law, const v1::EvaluateLawRequest& request,
                         v1::EvaluateLawResponse& response) {
  const fitting::LawSpec& spec = law.spec();
  std::vector<FieldViolation> violations;
  const std::vector<double> unknown(spec.variables.size(), std::numeric_limits<double>::quiet_NaN());
  const std::vector<double> variables =
      InOrder(spec.variables, request.variables(), unknown, "variables", violations);
  const std::vector<double> parameters =
      InOrder(spec.parameters, request.parameters(), law.PublishedParameters(), "parameters", violations);
  if (law.needs_schedule() != request.has_schedule()) {
    violations.push_back({"schedule", law.needs_schedule()
                                          ? "missing: the law sums over a learning-rate schedule"
                                          : "the law takes none"});
  }
  if (!violations.empty()) return InvalidFields(violations);
  double value = 0;
  if (law.needs_schedule()) {
    ASSIGN_OR_RETURN(auto rates, RatesOf(request.schedule(), "schedule"));
    value = law.EvaluateOnSchedule(rates, variables, parameters);
  } else {
    value = law.Evaluate(variables, parameters);
  }
  if (!std::isfinite(value)) {
    return absl::OutOfRangeError(absl::StrFormat("law %s gives %g at these inputs", spec.id, value));
  }
  response.set_quantity(fitting::QuantityName(spec));
  response.set_value(value);
  response.set_loss_unit(spec.loss_unit);
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const fitting::VariableSpec& variable = spec.variables[i];
    const auto outside = [&](const fitting::Range& range, const std::string& why) {
      if (variables[i] >= range.low && variables[i] <= range.high) return;
      response.add_warnings(absl::StrFormat("%s = %.6g is outside %s %.4g to %.4g", variable.name,
                                            variables[i], why, range.low, range.high));
    };
    outside(variable.fitted, "the fitted range");
    if (variable.valid)
      outside(*variable.valid, absl::StrCat("where the law holds (", variable.valid_reason, "):"));
  }
  return absl::OkStatus();
}

}  // namespace sextant::server
