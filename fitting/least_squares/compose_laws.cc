// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/compose_laws.h"

#include <absl/status/status.h>
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "fitting/law/expression/limits.h"

namespace sextant::fitting {
namespace {

bool OfName(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

/// A law's id as the start of names: without "loss-", hyphens as underscores.
std::string PrefixOf(const std::string& id) {
  constexpr std::string_view kFamily = "loss-";
  std::string prefix = id.rfind(kFamily, 0) == 0 ? id.substr(kFamily.size()) : id;
  std::replace_if(
      prefix.begin(), prefix.end(), [](char c) { return !OfName(c); }, '_');
  if (prefix.empty() || absl::ascii_isdigit(static_cast<unsigned char>(prefix[0]))) prefix = "law_" + prefix;
  return prefix;
}

/// `expression` with every name in `renamed` replaced. Numbers such as 1e5 are no names.
std::string Rename(const std::string& expression, const std::map<std::string, std::string>& renamed) {
  std::string out;
  for (std::size_t at = 0; at < expression.size();) {
    std::size_t end = at + 1;
    if (!OfName(expression[at])) {
      out += expression[at];
    } else {
      // A word from its first character; the exponent's sign splits 1e-5 into words that are no parameters.
      while (end < expression.size() && OfName(expression[end])) ++end;
      const std::string word = expression.substr(at, end - at);
      const bool number =
          absl::ascii_isdigit(static_cast<unsigned char>(word[0])) || (at > 0 && expression[at - 1] == '.');
      const auto found = number ? renamed.end() : renamed.find(word);
      out += found == renamed.end() ? word : found->second;
    }
    at = end;
  }
  return out;
}

}  // namespace

bool SameVariables(const LawSpec& a, const LawSpec& b) {
  return std::equal(
      a.variables.begin(), a.variables.end(), b.variables.begin(), b.variables.end(),
      [](const VariableSpec& left, const VariableSpec& right) { return left.name == right.name; });
}

absl::StatusOr<LawSpec> ComposeLaws(std::span<const LawSpec* const> laws) {
  if (laws.empty()) return absl::InvalidArgumentError("no law to compose");
  const LawSpec& first = *laws.front();
  LawSpec composed;
  composed.id = "composed";
  composed.target = first.target;
  composed.target_name = first.target_name;
  composed.loss_unit = first.loss_unit;
  composed.variables = first.variables;
  std::vector<ParameterSpec> weights, parameters;
  std::set<std::string> prefixes;
  for (const LawSpec* law : laws) {
    if (law->expression.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(law->id, ": no expression states it"));
    }
    if (law->target != first.target || law->target_name != first.target_name || !SameVariables(*law, first)) {
      return absl::InvalidArgumentError(
          absl::StrCat(law->id, ": has another quantity or other variables than ", first.id));
    }
    std::string prefix = PrefixOf(law->id);
    while (!prefixes.insert(prefix).second) prefix += "_";
    ParameterSpec weight;
    weight.name = "w_" + prefix;
    weight.bounds = {0, 1};
    weights.push_back(std::move(weight));
    std::map<std::string, std::string> renamed;
    for (ParameterSpec parameter : law->parameters) {
      const std::string name = absl::StrCat(prefix, "_", parameter.name);
      renamed[parameter.name] = name;
      parameter.name = name;
      if (!parameter.fixed) parameter.value.reset();
      parameter.low.reset();
      parameter.high.reset();
      parameters.push_back(std::move(parameter));
    }
    absl::StrAppend(&composed.expression, composed.expression.empty() ? "exp(" : " + ", "w_", prefix,
                    " * log(", Rename(law->expression, renamed), ")");
  }
  composed.expression += ")";
  composed.parameters = std::move(weights);
  composed.parameters.insert(composed.parameters.end(), parameters.begin(), parameters.end());
  if (composed.parameters.size() > expression::kMaxParameters) {
    return absl::InvalidArgumentError(absl::StrCat("together they have ", composed.parameters.size(),
                                                   " parameters; a law may have ",
                                                   expression::kMaxParameters));
  }
  if (composed.expression.size() > expression::kMaxExpressionBytes) {
    return absl::InvalidArgumentError(absl::StrCat("together they are ", composed.expression.size(),
                                                   " bytes of expression; a law may be ",
                                                   expression::kMaxExpressionBytes));
  }
  return composed;
}

}  // namespace sextant::fitting
