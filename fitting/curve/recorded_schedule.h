// SPDX-License-Identifier: Apache-2.0
// The schedule of a run, from the learning rates that its curve records and from what the run declares.
#ifndef SEXTANT_FITTING_CURVE_RECORDED_SCHEDULE_H_
#define SEXTANT_FITTING_CURVE_RECORDED_SCHEDULE_H_

#include <string>
#include <vector>

#include "fitting/curve/curve.h"
#include "fitting/curve/schedule.h"

namespace sextant::fitting {

struct RecordedSchedule {
  ScheduleSpec schedule;
  bool decay_seen = false;  // kWsd: the recorded rates show where the decay begins
  std::vector<std::string> warnings;
};

// What is declared, corrected by the recorded rates (relative to the greatest of them, so that parameter
// groups with a factor of their own do no harm):
// - A warm-up that is not declared (0) ends where the rate first comes within 2 % of its peak, before a tenth
// of
//   the steps.
// - A shape that is not declared (`shape_known` false) is the one that comes nearest the rates seen after the
//   warm-up. Where they tell several apart by less than 1 % of the peak, the first of cosine, linear, wsd,
//   inverse-sqrt and constant is kept, with a warning. A declared shape that misses the rates by more than a
//   twentieth of the peak is kept, with a warning.
// - The decay of kWsd begins where the rate last stood at its peak; where no decay is seen yet, it begins
// after
//   the last recorded step at the earliest.
// Rates that are missing, not finite or negative are passed over; without four usable ones nothing changes.
// `declared` is returned as it is where its total_steps make no schedule.
RecordedSchedule ReadSchedule(const LossCurve& curve, const ScheduleSpec& declared, bool shape_known);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_RECORDED_SCHEDULE_H_
