// SPDX-License-Identifier: Apache-2.0
#include "fitting/variables.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace sextant::fitting {
namespace {

// Below this a ratio is printed as 1.
constexpr double kBeyondRounding = 1.005;

std::string Number(double value) { return absl::StrFormat("%.4g", value); }

/// The value of `variable`, or nothing with the reason in `resolved.refusal`.
std::optional<double> Resolve(const VariableSpec& variable, const PredictionTarget& target,
                              const Catalogue* catalogue, ResolvedVariables& resolved) {
  const std::string& name = variable.name;
  if (const auto given = target.at.find(name); given != target.at.end()) return given->second;
  const auto lacks = [&](const char* what, const char* field) {
    resolved.refusal = absl::StrCat("needs ", what, ": give ", field);
    return std::nullopt;
  };
  if (name == "N") return target.params > 0 ? std::optional(target.params) : lacks("N", "params or at[N]");
  if (name == "D") return target.tokens > 0 ? std::optional(target.tokens) : lacks("D", "tokens or at[D]");
  if (name == "C") {
    if (target.params == 0 || target.tokens == 0) return lacks("C", "params and tokens, or at[C]");
    if (!variable.counting.empty() && variable.counting != "6ND" && !target.brief) {
      resolved.warnings.push_back(
          absl::StrCat("C is taken as 6ND = ", Number(6 * target.params * target.tokens),
                       " FLOPs; this law counts C as ", variable.counting));
    }
    return 6 * target.params * target.tokens;
  }
  if (name == "B" || name == "S") {
    if (name == "S" && target.batch_size_tokens && target.tokens == 0) return lacks("S", "tokens or at[S]");
    if (!target.batch_size_tokens) {
      resolved.refusal = name == "B" ? "needs a batch size: give batch_size_tokens"
                                     : "needs a number of steps: give batch_size_tokens";
      return std::nullopt;
    }
    return name == "B" ? *target.batch_size_tokens : target.tokens / *target.batch_size_tokens;
  }
  if (name == "L" && target.loss_nats) return *target.loss_nats;
  if (!variable.from_law.empty()) {
    const std::shared_ptr<const Law> source =
        catalogue == nullptr ? nullptr : catalogue->Find(variable.from_law);
    if (source != nullptr && source->spec().published()) {
      const ResolvedVariables inner = ResolveVariables(*source, target, {}, catalogue);
      if (inner.refusal.empty() && !source->needs_schedule()) {
        const double value = source->Evaluate(inner.values, source->PublishedParameters());
        resolved.warnings.push_back(absl::StrCat(name, " = ", Number(value), " is predicted by ",
                                                 variable.from_law,
                                                 name == "L" ? "; give loss_nats to set it" : ""));
        return value;
      }
    }
  }
  if (name == "L") {
    resolved.refusal = "needs a loss: give loss_nats";
  } else {
    resolved.refusal =
        absl::StrCat("needs ", name, variable.unit.empty() ? "" : absl::StrCat(" (", variable.unit, ")"),
                     ": give at[", name, "]");
  }
  return std::nullopt;
}

std::string InputText(const VariableSpec& variable, double value) {
  return absl::StrCat(
      variable.name, " = ", Number(value), variable.unit.empty() ? "" : absl::StrCat(" ", variable.unit),
      variable.counting.empty() || variable.counting == "6ND" ? ""
                                                              : absl::StrCat(" (", variable.counting, ")"));
}

}  // namespace

double BeyondRange(const Range& range, double value) {
  double ratio = 1;
  if (std::isfinite(range.high)) ratio = std::max(ratio, value / range.high);
  if (std::isfinite(range.low) && range.low > 0) ratio = std::max(ratio, range.low / value);
  return std::min(ratio, std::numeric_limits<double>::max());  // of a denormal target too
}

ResolvedVariables ResolveVariables(const Law& law, const PredictionTarget& target,
                                   const std::map<std::string, Range>& ranges, const Catalogue* catalogue) {
  ResolvedVariables resolved;
  if (law.needs_schedule() && target.learning_rates == nullptr) {
    resolved.refusal = "sums over the learning rates of a run: give a schedule";
    return resolved;
  }
  for (const VariableSpec& variable : law.spec().variables) {
    std::optional<double> value = Resolve(variable, target, catalogue, resolved);
    if (!value && law.needs_schedule()) {  // its one variable is the last step done
      resolved.refusal.clear();
      value = static_cast<double>(target.learning_rates->size() - 1);
    }
    if (!value) return resolved;
    resolved.values.push_back(*value);
    const std::string what = target.brief ? "" : InputText(variable, *value);
    if (!target.brief) resolved.inputs.push_back(what);
    if (variable.valid && (*value < variable.valid->low || *value > variable.valid->high)) {
      resolved.refusal =
          absl::StrCat(variable.name, " = ", Number(*value), " is outside ", Number(variable.valid->low),
                       " to ", Number(variable.valid->high), ": ", variable.valid_reason);
      return resolved;
    }
    const auto fitted = ranges.find(variable.name);
    const Range& range = fitted == ranges.end() ? variable.fitted : fitted->second;
    const double beyond = BeyondRange(range, *value);
    resolved.extrapolation = std::max(resolved.extrapolation, beyond);
    if (variable.name == "N") resolved.extrapolation_params = beyond;
    if (variable.name == "D") resolved.extrapolation_tokens = beyond;
    // A target at the edge of the runs, rounded, is not beyond them.
    if (beyond > kBeyondRounding && !target.brief) {
      const bool above = std::isfinite(range.high) && *value > range.high;
      resolved.warnings.push_back(absl::StrCat(what, " is ", absl::StrFormat("%.3gx", beyond),
                                               above ? " above" : " below", " the fitted range ",
                                               Number(range.low), " to ", Number(range.high)));
    }
  }
  return resolved;
}

}  // namespace sextant::fitting
