// SPDX-License-Identifier: Apache-2.0
// Learning-rate schedules, shared by host and device.
#pragma once

#include <cmath>
#include <cstdint>

#include "clients/trainer/model/host_device.h"

namespace sextant::trainer {

enum class ScheduleKind : int { kCosine, kLinear, kWsd };

// Linear warm-up from peak / warmup_steps to the peak, then the kind's decay to final_fraction of the peak.
// WSD (warm-up, stable, decay) keeps the peak until decay_steps before the end, then falls linearly.
struct Schedule {
  ScheduleKind kind = ScheduleKind::kCosine;
  int64_t steps = 0;
  int64_t warmup_steps = 0;
  int64_t decay_steps = 0;  // WSD only
  double final_fraction = 0;
};

// The multiple of the peak rate used by optimizer step `step` (from 0).
SEXTANT_HOST_DEVICE inline double ScheduleFactor(const Schedule& schedule, int64_t step) {
  if (step < schedule.warmup_steps)
    return static_cast<double>(step + 1) / static_cast<double>(schedule.warmup_steps);
  const int64_t start =
      schedule.kind == ScheduleKind::kWsd ? schedule.steps - schedule.decay_steps : schedule.warmup_steps;
  if (step < start || schedule.steps <= start) return 1;
  const double progress = static_cast<double>(step - start) / static_cast<double>(schedule.steps - start);
  const double falling = schedule.kind == ScheduleKind::kCosine
                             ? 0.5 * (1 + cos(3.14159265358979323846 * progress))
                             : 1 - progress;
  return schedule.final_fraction + (1 - schedule.final_fraction) * falling;
}

}  // namespace sextant::trainer
