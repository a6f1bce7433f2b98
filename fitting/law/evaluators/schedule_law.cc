// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/evaluators/schedule_law.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace sextant::fitting {
namespace {

constexpr std::size_t kMostParameters = 8;  // of any schedule evaluator

class ScheduleBoundLaw final : public BoundLaw {
 public:
  ScheduleBoundLaw(std::shared_ptr<const ScheduleLaw> law, std::span<const double> steps,
                   const std::vector<std::span<const double>>& schedules,
                   std::vector<std::uint32_t> schedule_of)
      : law_(std::move(law)), steps_(steps), schedule_of_(std::move(schedule_of)), rows_(steps.size()) {
    for (std::size_t i = 0; i < rows_.size(); ++i) rows_[i] = static_cast<std::uint32_t>(i);
    for (std::span<const double> schedule : schedules) sums_.emplace_back(schedule);
    gradient_.resize(law_->spec().parameters.size());
  }

  std::size_t points() const override { return rows_.size(); }

  void Values(std::span<const double> parameters, std::span<double> value) override {
    for (std::size_t i = 0; i < rows_.size(); ++i) value[i] = At(i, parameters, {});
  }

  void ValuesAndJacobian(std::span<const double> parameters, std::span<double> value,
                         std::span<double> jacobian) override {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      value[i] = At(i, parameters, gradient_);
      for (std::size_t p = 0; p < gradient_.size(); ++p) jacobian[p * rows_.size() + i] = gradient_[p];
    }
  }

  void LogValuesAndJacobian(std::span<const double> parameters, std::span<double> log_value,
                            std::span<double> jacobian) override {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const double value = At(i, parameters, gradient_);
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
  double At(std::size_t i, std::span<const double> parameters, std::span<double> gradient) const {
    const std::uint32_t row = rows_[i];
    return law_->EvaluateAt(sums_[schedule_of_[row]], steps_[row], parameters, gradient);
  }

  std::shared_ptr<const ScheduleLaw> law_;
  std::span<const double> steps_;
  std::vector<std::uint32_t> schedule_of_, rows_;
  std::vector<ScheduleSums> sums_;
  std::vector<double> gradient_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Law>> ScheduleLaw::Make(LawSpec spec,
                                                             const ScheduleEvaluator& evaluator) {
  std::shared_ptr<ScheduleLaw> law(new ScheduleLaw(std::move(spec), evaluator));
  std::string wanted;
  for (const std::string& name : evaluator.parameters) {
    wanted += " " + name;
    if (auto index = law->ParameterIndex(name)) law->parameter_at_.push_back(*index);
  }
  if (law->parameter_at_.size() != evaluator.parameters.size() ||
      law->spec_.parameters.size() != evaluator.parameters.size() || law->spec_.variables.size() != 1 ||
      law->spec_.variables.front().name != "t") {
    return absl::InvalidArgumentError("law '" + law->spec_.id + "': evaluator " + evaluator.name +
                                      " needs exactly the variable t and the parameters" + wanted);
  }
  return std::shared_ptr<const Law>(std::move(law));
}

double ScheduleLaw::Evaluate(std::span<const double>, std::span<const double>) const {
  return std::numeric_limits<double>::quiet_NaN();
}

double ScheduleLaw::EvaluateOnSchedule(std::span<const double> learning_rate,
                                       std::span<const double> variables,
                                       std::span<const double> parameters) const {
  return EvaluateAt(ScheduleSums(learning_rate), variables.front(), parameters, {});
}

double ScheduleLaw::EvaluateAt(const ScheduleSums& schedule, double t, std::span<const double> parameters,
                               std::span<double> gradient) const {
  std::array<double, kMostParameters> p{}, g{};
  for (std::size_t i = 0; i < parameter_at_.size(); ++i) p[i] = parameters[parameter_at_[i]];
  if (gradient.empty()) return evaluator_.evaluate(schedule, t, p.data(), nullptr);
  g.fill(std::numeric_limits<double>::quiet_NaN());  // stays so where the law does not answer
  const double value = evaluator_.evaluate(schedule, t, p.data(), g.data());
  for (std::size_t i = 0; i < parameter_at_.size(); ++i) gradient[parameter_at_[i]] = g[i];
  return value;
}

std::unique_ptr<BoundLaw> BoundLaw::BindOnSchedules(
    std::shared_ptr<const Law> law, std::span<const double> steps,
    const std::vector<std::span<const double>>& learning_rates, std::vector<std::uint32_t> schedule_of) {
  auto on_schedule = std::dynamic_pointer_cast<const ScheduleLaw>(std::move(law));
  if (on_schedule == nullptr || schedule_of.size() != steps.size()) return nullptr;
  for (std::uint32_t schedule : schedule_of) {
    if (schedule >= learning_rates.size()) return nullptr;
  }
  return std::make_unique<ScheduleBoundLaw>(std::move(on_schedule), steps, learning_rates,
                                            std::move(schedule_of));
}

}  // namespace sextant::fitting
