// SPDX-License-Identifier: Apache-2.0
#include "server/schedule_rates.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>

#include "base/status_macros.h"
#include "fitting/curve/schedule.h"
#include "server/error.h"
#include "server/limits.h"

namespace sextant::server {
namespace {

constexpr int kMaxStages = 10'000;

absl::Status SetStages(const v1::LearningRateSchedule& schedule, const std::string& field,
                       std::vector<double>& rates) {
  if (schedule.stages_size() == 0)
    return InvalidField(field + ".stages", "missing: the steps at which the rate changes");
  if (schedule.stages_size() > kMaxStages)
    return InvalidField(field + ".stages", absl::StrCat("more than ", kMaxStages));
  std::int64_t before = -1;
  for (const v1::ScheduleStage& stage : schedule.stages()) {
    if (stage.from_step() <= before) return InvalidField(field + ".stages", "from_step must rise, from 0 on");
    if (!(stage.learning_rate() >= 0) || !std::isfinite(stage.learning_rate())) {
      return InvalidField(field + ".stages", "a learning rate is 0 or more, and finite");
    }
    before = stage.from_step();
    if (before >= static_cast<std::int64_t>(rates.size()))
      return InvalidField(field + ".stages", "one begins after the last step");
    std::fill(rates.begin() + before, rates.end(), stage.learning_rate());
  }
  return absl::OkStatus();
}

absl::Status SetPower(const v1::LearningRateSchedule& schedule, const std::string& field,
                      std::vector<double>& rates) {
  const double scale = schedule.power_scale(), exponent = schedule.power_exponent();
  if (!(scale > 0) || !std::isfinite(scale) || !std::isfinite(exponent)) {
    return InvalidField(field + ".power_scale", "a power schedule has a scale above 0 and a finite exponent");
  }
  for (std::size_t i = 0; i < rates.size(); ++i) {
    rates[i] = std::min(rates[i], scale * std::pow(static_cast<double>(i + 1), exponent));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<double>> RatesOf(const v1::LearningRateSchedule& schedule,
                                            const std::string& field) {
  const bool steps = schedule.shape() == "step", power = schedule.shape() == "power";
  if (schedule.steps() > kMaxEvaluatedSteps) {
    return InvalidField(field + ".steps", absl::StrCat("at most ", kMaxEvaluatedSteps));
  }
  fitting::ScheduleSpec spec;
  spec.shape = fitting::DecayShape::kConstant;
  if (!steps && !power) {
    const auto shape = fitting::ParseDecayShape(schedule.shape());
    if (!shape.ok())
      return InvalidField(field + ".shape", absl::StrCat(shape.status().message(), ", step or power"));
    spec.shape = *shape;
  }
  spec.peak_learning_rate = schedule.peak_learning_rate();
  spec.final_learning_rate = schedule.final_learning_rate();
  spec.total_steps = static_cast<double>(schedule.steps());
  spec.warmup_steps = static_cast<double>(schedule.warmup_steps());
  if (schedule.has_decay_share()) spec.decay_share = schedule.decay_share();
  auto rates = fitting::MakeSchedule(spec);
  if (!rates.ok()) return InvalidField(field, std::string(rates.status().message()));
  if (steps) {
    RETURN_IF_ERROR(SetStages(schedule, field, *rates));
  }
  if (power) {
    RETURN_IF_ERROR(SetPower(schedule, field, *rates));
  }
  return rates;
}

}  // namespace sextant::server
