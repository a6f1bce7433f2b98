// SPDX-License-Identifier: Apache-2.0
#include "fitting/replicate_law.h"

#include <utility>

namespace sextant::fitting {
namespace {

std::shared_ptr<const Law> Exchange(const LawSpec& spec) {
  if (spec.expression.empty()) return nullptr;
  LawSpec exchanged;
  exchanged.id = spec.id;
  exchanged.target = spec.target;
  exchanged.target_name = spec.target_name;
  exchanged.loss_unit = spec.loss_unit;
  exchanged.expression = spec.expression;
  for (const ParameterSpec& parameter : spec.parameters) {
    VariableSpec variable;
    variable.name = parameter.name;
    exchanged.variables.push_back(std::move(variable));
  }
  for (const VariableSpec& variable : spec.variables) {
    ParameterSpec parameter;
    parameter.name = variable.name;
    exchanged.parameters.push_back(std::move(parameter));
  }
  absl::StatusOr<std::shared_ptr<const Law>> law = Law::Compile(std::move(exchanged));
  return law.ok() ? *std::move(law) : nullptr;
}

}  // namespace

ReplicateLaw::ReplicateLaw(std::shared_ptr<const Law> law, std::span<const double> replicates)
    : law_(std::move(law)), exchanged_(Exchange(law_->spec())) {
  const std::size_t parameters = law_->spec().parameters.size();
  count_ = parameters == 0 ? 0 : replicates.size() / parameters;
  columns_.assign(parameters, std::vector<double>(count_));
  for (std::size_t r = 0; r < count_; ++r) {
    for (std::size_t p = 0; p < parameters; ++p) columns_[p][r] = replicates[r * parameters + p];
  }
}

void ReplicateLaw::Evaluate(std::span<const double> variables, std::span<double> out) const {
  if (exchanged_ == nullptr) {
    std::vector<double> parameters(columns_.size());
    for (std::size_t r = 0; r < count_; ++r) {
      for (std::size_t p = 0; p < columns_.size(); ++p) parameters[p] = columns_[p][r];
      out[r] = law_->Evaluate(variables, parameters);
    }
    return;
  }
  std::unique_ptr<BoundLaw> bound;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      bound = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (bound == nullptr) {
    std::vector<std::span<const double>> columns(columns_.begin(), columns_.end());
    bound = BoundLaw::Bind(exchanged_, std::move(columns));
  }
  bound->Values(variables, out);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(bound));
}

}  // namespace sextant::fitting
