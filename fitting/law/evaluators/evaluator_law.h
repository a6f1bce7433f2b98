// SPDX-License-Identifier: Apache-2.0
// A law computed by a built-in evaluator instead of an expression. Internal to fitting/law.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "fitting/law/evaluators/evaluator.h"
#include "fitting/law/law.h"

namespace sextant::fitting {

class EvaluatorLaw final : public Law, public std::enable_shared_from_this<EvaluatorLaw> {
 public:
  /// InvalidArgument if the evaluator is unknown or the spec does not declare exactly its names.
  static absl::StatusOr<std::shared_ptr<const Law>> Make(LawSpec spec);

  const LawSpec& spec() const override { return spec_; }
  double Evaluate(std::span<const double> variables, std::span<const double> parameters) const override;
  /// As Evaluate; `gradient` takes one derivative per parameter of the spec, in the spec's order.
  double EvaluateWithGradient(std::span<const double> variables, std::span<const double> parameters,
                              std::span<double> gradient) const;
  std::unique_ptr<BoundLaw> Bind(std::vector<std::span<const double>> columns) const;

 private:
  EvaluatorLaw(LawSpec spec, const Evaluator& evaluator) : spec_(std::move(spec)), evaluator_(evaluator) {}

  LawSpec spec_;
  const Evaluator& evaluator_;
  std::vector<std::size_t> variable_at_, parameter_at_;  ///< evaluator's order -> spec's index
};

}  // namespace sextant::fitting
