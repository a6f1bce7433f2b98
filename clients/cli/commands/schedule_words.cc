// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/schedule_words.h"

#include <absl/strings/str_split.h>

#include <cmath>
#include <vector>

#include "base/numbers.h"
#include "clients/cli/output/quantity.h"

namespace sextant::cli {
namespace {

constexpr double kMostStepsAsked = 1e15;  // the service says how many it takes

bool SetStage(const std::string& value, v1::LearningRateSchedule* schedule) {
  const std::size_t at = value.find('@');
  if (at == std::string::npos) return false;
  const auto step = ParseNumber(value.substr(0, at)), rate = ParseNumber(value.substr(at + 1));
  if (!step || !rate || !(*step >= 0 && *step <= kMostStepsAsked)) return false;
  v1::ScheduleStage& stage = *schedule->add_stages();
  stage.set_from_step(static_cast<std::int64_t>(*step));
  stage.set_learning_rate(*rate);
  return true;
}

bool Set(const std::string& key, const std::string& value, v1::LearningRateSchedule* schedule) {
  if (key == "at") return SetStage(value, schedule);
  const auto number = ParseNumber(value);
  if (!number || !(std::abs(*number) <= kMostStepsAsked)) return false;
  if (key == "peak") {
    schedule->set_peak_learning_rate(*number);
  } else if (key == "final") {
    schedule->set_final_learning_rate(*number);
  } else if (key == "steps") {
    schedule->set_steps(static_cast<std::int64_t>(*number));
  } else if (key == "warmup") {
    schedule->set_warmup_steps(static_cast<std::int64_t>(*number));
  } else if (key == "decay") {
    schedule->set_decay_share(*number);
  } else if (key == "scale") {
    schedule->set_power_scale(*number);
  } else if (key == "exponent") {
    schedule->set_power_exponent(*number);
  } else {
    return false;
  }
  return true;
}

}  // namespace

int ReadSchedule(const Session& session, const std::string& text, v1::LearningRateSchedule* schedule) {
  const std::size_t colon = text.find(':');
  schedule->set_shape(text.substr(0, colon));
  const std::string rest = colon == std::string::npos ? "" : text.substr(colon + 1);
  for (const absl::string_view piece : absl::StrSplit(rest, ',', absl::SkipEmpty())) {
    const std::string part(piece);
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos || !Set(part.substr(0, equals), part.substr(equals + 1), schedule)) {
      return session.FailUsage("a schedule has no '" + Safe(part) + "'",
                               std::string("its form is ") + kScheduleForm);
    }
  }
  return kExitOk;
}

std::string ScheduleText(const v1::LearningRateSchedule& schedule) {
  std::string text = schedule.shape() + ":peak=" + FormatNumber(schedule.peak_learning_rate()) +
                     ",steps=" + std::to_string(schedule.steps());
  if (schedule.final_learning_rate() != 0) text += ",final=" + FormatNumber(schedule.final_learning_rate());
  if (schedule.warmup_steps() != 0) text += ",warmup=" + std::to_string(schedule.warmup_steps());
  if (schedule.has_decay_share()) text += ",decay=" + FormatNumber(schedule.decay_share());
  if (schedule.power_scale() != 0) {
    text += ",scale=" + FormatNumber(schedule.power_scale()) +
            ",exponent=" + FormatNumber(schedule.power_exponent());
  }
  for (const v1::ScheduleStage& stage : schedule.stages()) {
    text += ",at=" + std::to_string(stage.from_step()) + "@" + FormatNumber(stage.learning_rate());
  }
  return text;
}

}  // namespace sextant::cli
