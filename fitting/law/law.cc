// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/law.h"

#include <limits>
#include <utility>

#include "fitting/law/compiled_law.h"
#include "fitting/law/evaluators/evaluator_law.h"
#include "fitting/law/evaluators/schedule_law.h"

namespace sextant::fitting {
namespace {

template <typename Entries>
std::optional<std::size_t> IndexOf(const Entries& entries, const std::string& name) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].name == name) return i;
  }
  return std::nullopt;
}

}  // namespace

std::vector<double> Law::PublishedParameters() const {
  std::vector<double> values;
  for (const ParameterSpec& parameter : spec().parameters) {
    values.push_back(parameter.value.value_or(std::numeric_limits<double>::quiet_NaN()));
  }
  return values;
}

std::optional<std::size_t> Law::VariableIndex(const std::string& name) const {
  return IndexOf(spec().variables, name);
}

std::optional<std::size_t> Law::ParameterIndex(const std::string& name) const {
  return IndexOf(spec().parameters, name);
}

double Law::EvaluateOnSchedule(std::span<const double>, std::span<const double>,
                               std::span<const double>) const {
  return std::numeric_limits<double>::quiet_NaN();
}

absl::StatusOr<std::shared_ptr<const Law>> Law::Compile(LawSpec spec, Derivatives derivatives) {
  if (spec.evaluator.empty()) return CompiledLaw::Make(std::move(spec), derivatives);
  if (const ScheduleEvaluator* evaluator = FindScheduleEvaluator(spec.evaluator)) {
    return ScheduleLaw::Make(std::move(spec), *evaluator);
  }
  return EvaluatorLaw::Make(std::move(spec));
}

}  // namespace sextant::fitting
