// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/evaluators/evaluator_law.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "fitting/law/evaluators/schedule_evaluator.h"
#include "fitting/law/expression/limits.h"
#include "fitting/law/expression/suggest.h"

namespace sextant::fitting {
namespace {

constexpr std::size_t kMostNames = expression::kMaxParameters;  // no evaluator has more of either

std::string Listed(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : " ") + name;
  return list;
}

// Evaluated point by point: an implicit law costs an iteration per point, which dwarfs what columns would
// save.
class EvaluatorBoundLaw final : public BoundLaw {
 public:
  EvaluatorBoundLaw(std::shared_ptr<const EvaluatorLaw> law, std::vector<std::span<const double>> columns)
      : law_(std::move(law)), columns_(std::move(columns)), rows_(columns_.front().size()) {
    for (std::size_t i = 0; i < rows_.size(); ++i) rows_[i] = static_cast<std::uint32_t>(i);
    at_.resize(columns_.size());
    gradient_.resize(law_->spec().parameters.size());
  }

  std::size_t points() const override { return rows_.size(); }

  void Values(std::span<const double> parameters, std::span<double> value) override {
    for (std::size_t i = 0; i < rows_.size(); ++i) value[i] = law_->Evaluate(Point(i), parameters);
  }

  void ValuesAndJacobian(std::span<const double> parameters, std::span<double> value,
                         std::span<double> jacobian) override {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      value[i] = law_->EvaluateWithGradient(Point(i), parameters, gradient_);
      for (std::size_t p = 0; p < gradient_.size(); ++p) jacobian[p * rows_.size() + i] = gradient_[p];
    }
  }

  void LogValuesAndJacobian(std::span<const double> parameters, std::span<double> log_value,
                            std::span<double> jacobian) override {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const double value = law_->EvaluateWithGradient(Point(i), parameters, gradient_);
      log_value[i] = std::log(value);
      for (std::size_t p = 0; p < gradient_.size(); ++p)
        jacobian[p * rows_.size() + i] = gradient_[p] / value;
    }
  }

  bool SelectPoints(std::span<const std::uint32_t> rows) override {
    rows_.assign(rows.begin(), rows.end());
    return true;
  }

 private:
  std::span<const double> Point(std::size_t i) {
    for (std::size_t v = 0; v < columns_.size(); ++v) at_[v] = columns_[v][rows_[i]];
    return at_;
  }

  std::shared_ptr<const EvaluatorLaw> law_;
  std::vector<std::span<const double>> columns_;
  std::vector<std::uint32_t> rows_;
  std::vector<double> at_, gradient_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Law>> EvaluatorLaw::Make(LawSpec spec) {
  const std::string where = "law '" + spec.id + "': ";
  const Evaluator* evaluator = FindEvaluator(spec.evaluator);
  if (evaluator == nullptr) {
    std::vector<std::string> names = EvaluatorNames();
    for (std::string& name : ScheduleEvaluatorNames()) names.push_back(std::move(name));
    return absl::InvalidArgumentError(where + "unknown evaluator '" + spec.evaluator + "'" +
                                      expression::DidYouMean(spec.evaluator, names) + "; there are " +
                                      Listed(names));
  }
  std::shared_ptr<EvaluatorLaw> law(new EvaluatorLaw(std::move(spec), *evaluator));
  for (const std::string& name : evaluator->variables) {
    if (auto index = law->VariableIndex(name)) law->variable_at_.push_back(*index);
  }
  for (const std::string& name : evaluator->parameters) {
    if (auto index = law->ParameterIndex(name)) law->parameter_at_.push_back(*index);
  }
  if (law->variable_at_.size() != evaluator->variables.size() ||
      law->spec_.variables.size() != evaluator->variables.size()) {
    return absl::InvalidArgumentError(where + "evaluator " + evaluator->name +
                                      " needs exactly the variables " + Listed(evaluator->variables));
  }
  if (law->parameter_at_.size() != evaluator->parameters.size() ||
      law->spec_.parameters.size() != evaluator->parameters.size()) {
    return absl::InvalidArgumentError(where + "evaluator " + evaluator->name +
                                      " needs exactly the parameters " + Listed(evaluator->parameters));
  }
  return std::shared_ptr<const Law>(std::move(law));
}

double EvaluatorLaw::Evaluate(std::span<const double> variables, std::span<const double> parameters) const {
  return EvaluateWithGradient(variables, parameters, {});
}

double EvaluatorLaw::EvaluateWithGradient(std::span<const double> variables,
                                          std::span<const double> parameters,
                                          std::span<double> gradient) const {
  std::array<double, kMostNames> v, p, g;
  for (std::size_t i = 0; i < variable_at_.size(); ++i) v[i] = variables[variable_at_[i]];
  for (std::size_t i = 0; i < parameter_at_.size(); ++i) p[i] = parameters[parameter_at_[i]];
  if (gradient.empty()) return evaluator_.evaluate(v.data(), p.data(), nullptr);
  g.fill(std::nan(""));  // stays so where the point is outside the law's domain
  const double value = evaluator_.evaluate(v.data(), p.data(), g.data());
  for (std::size_t i = 0; i < parameter_at_.size(); ++i) gradient[parameter_at_[i]] = g[i];
  return value;
}

std::unique_ptr<BoundLaw> EvaluatorLaw::Bind(std::vector<std::span<const double>> columns) const {
  return std::make_unique<EvaluatorBoundLaw>(shared_from_this(), std::move(columns));
}

}  // namespace sextant::fitting
