// SPDX-License-Identifier: Apache-2.0
// BoundLaw over tapes.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "fitting/law/compiled_law.h"
#include "fitting/law/evaluators/evaluator_law.h"

namespace sextant::fitting {
namespace {

class TapeBoundLaw final : public BoundLaw {
 public:
  TapeBoundLaw(std::shared_ptr<const CompiledLaw> law, const std::vector<std::span<const double>>& columns,
               const tape::Kernels& kernels)
      : law_(std::move(law)),
        programs_(law_->programs()),
        kernels_(kernels),
        all_(programs_.graph, programs_.data_nodes, columns),
        data_(&all_) {}

  std::size_t points() const override { return data_->points(); }

  void Values(std::span<const double> parameters, std::span<double> value) override {
    Run(Program::kValue, parameters, value, {}, {});
  }

  void ValuesAndJacobian(std::span<const double> parameters, std::span<double> value,
                         std::span<double> jacobian) override {
    Run(Program::kJacobian, parameters, value, jacobian, {});
  }

  // The direct form is fast and right unless a term leaves the range of a double; then the sum is done again
  // by log-sum-exp.
  void LogValuesAndJacobian(std::span<const double> parameters, std::span<double> log_value,
                            std::span<double> jacobian) override {
    Run(Program::kLogJacobian, parameters, log_value, jacobian, {});
    if (kernels_.all_finite(log_value.data(), log_value.size())) return;
    spare_.resize(programs_.curved.size() * points());
    Run(Program::kLogRobust, parameters, log_value, jacobian, spare_);
  }

  std::optional<std::vector<std::pair<std::size_t, std::size_t>>> SecondDerivativePairs() const override {
    return programs_.curved;
  }

  void LogValuesAndSecondDerivatives(std::span<const double> parameters, std::span<double> log_value,
                                     std::span<double> jacobian, std::span<double> second) override {
    Run(Program::kLogSecond, parameters, log_value, jacobian, second);
    if (!kernels_.all_finite(log_value.data(), log_value.size()))
      Run(Program::kLogRobust, parameters, log_value, jacobian, second);
  }

  bool SelectPoints(std::span<const std::uint32_t> rows) override {
    selected_.Gather(all_, rows);
    data_ = &selected_;
    return true;
  }

 private:
  void Run(Program program, std::span<const double> parameters, std::span<double> value,
           std::span<double> jacobian, std::span<double> second) {
    std::unique_ptr<tape::TapeRunner>& runner = runners_[static_cast<std::size_t>(program)];
    if (runner == nullptr) {
      runner = std::make_unique<tape::TapeRunner>(programs_.tape(program), programs_.data(program), kernels_);
    }
    outputs_.clear();
    outputs_.push_back(value.data());
    const std::size_t count = points();
    for (std::size_t at = 0; at < jacobian.size() && count > 0; at += count)
      outputs_.push_back(jacobian.data() + at);
    for (std::size_t at = 0; at < second.size() && count > 0; at += count)
      outputs_.push_back(second.data() + at);
    runner->Run(*data_, parameters, outputs_);
  }

  std::shared_ptr<const CompiledLaw> law_;  ///< keeps the programs
  const Programs& programs_;
  const tape::Kernels& kernels_;
  tape::DataColumns all_, selected_;
  const tape::DataColumns* data_;
  std::array<std::unique_ptr<tape::TapeRunner>, static_cast<std::size_t>(Program::kCount)> runners_;
  std::vector<double*> outputs_;
  std::vector<double> spare_;
};

}  // namespace

std::unique_ptr<BoundLaw> BindTo(const std::shared_ptr<const Law>& law,
                                 const std::vector<std::span<const double>>& columns,
                                 const tape::Kernels& kernels) {
  if (auto evaluated = std::dynamic_pointer_cast<const EvaluatorLaw>(law)) return evaluated->Bind(columns);
  auto compiled = std::dynamic_pointer_cast<const CompiledLaw>(law);
  if (compiled == nullptr) return nullptr;
  return std::make_unique<TapeBoundLaw>(std::move(compiled), columns, kernels);
}

std::unique_ptr<BoundLaw> BoundLaw::Bind(std::shared_ptr<const Law> law,
                                         std::vector<std::span<const double>> columns) {
  return BindTo(law, columns, tape::BestKernels());
}

}  // namespace sextant::fitting
