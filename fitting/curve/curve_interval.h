// SPDX-License-Identifier: Apache-2.0
// Intervals of extrapolated learning curves.
#ifndef SEXTANT_FITTING_CURVE_CURVE_INTERVAL_H_
#define SEXTANT_FITTING_CURVE_CURVE_INTERVAL_H_

#include <span>
#include <vector>

namespace sextant::fitting {

// How much wider than the draws an interval is. Chosen by leaving whole families of curves out
// (curve_families_bench): the draws know the forms and the noise of the curve they were fitted to, not what
// has not happened yet, such as an annealing rate, a change of the data or a new break.
struct IntervalTuning {
  double widen = 1;       // of the draws about the centre
  double of_fall = .15;   // sd as a share of the fall of ln y that is predicted
  double of_reach = .02;  // sd of ln y for every unit of ln x beyond the end
};

struct LogInterval {
  double low = 0, high = 0;
};

// Of ln y (relative to any reference) at `reach` = ln(x / last x): `draws` hold predictions without noise,
// `centre` the prediction, `at_end` what is predicted at the last x, `noise` the sd of one point. The centre
// lies inside.
LogInterval CurveInterval(std::vector<double> draws, double centre, double at_end, double reach, double noise,
                          double confidence, const IntervalTuning& tuning = {});

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_CURVE_INTERVAL_H_
