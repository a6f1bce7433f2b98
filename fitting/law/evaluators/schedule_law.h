// SPDX-License-Identifier: Apache-2.0
// A law that sums over a learning-rate schedule. Internal to fitting/law.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "fitting/law/evaluators/schedule_evaluator.h"
#include "fitting/law/law.h"

namespace sextant::fitting {

class ScheduleLaw final : public Law, public std::enable_shared_from_this<ScheduleLaw> {
 public:
  /// InvalidArgument if the spec does not declare exactly the evaluator's names.
  static absl::StatusOr<std::shared_ptr<const Law>> Make(LawSpec spec, const ScheduleEvaluator& evaluator);

  const LawSpec& spec() const override { return spec_; }
  bool needs_schedule() const override { return true; }
  double Evaluate(std::span<const double> variables, std::span<const double> parameters) const override;
  double EvaluateOnSchedule(std::span<const double> learning_rate, std::span<const double> variables,
                            std::span<const double> parameters) const override;
  /// Loss after step t; `gradient` has one entry per parameter of the spec, or none.
  double EvaluateAt(const ScheduleSums& schedule, double t, std::span<const double> parameters,
                    std::span<double> gradient) const;

 private:
  ScheduleLaw(LawSpec spec, const ScheduleEvaluator& evaluator)
      : spec_(std::move(spec)), evaluator_(evaluator) {}

  LawSpec spec_;
  const ScheduleEvaluator& evaluator_;
  std::vector<std::size_t> parameter_at_;  ///< evaluator's order -> spec's index
};

}  // namespace sextant::fitting
