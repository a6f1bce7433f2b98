// SPDX-License-Identifier: Apache-2.0
// Learning curves of public studies, a family for each study and kind of axis, for choosing the settings of
// extrapolation by leaving whole families out. Read from ../shared/data and data/calibration.
#ifndef SEXTANT_TESTS_BENCH_CURVE_FAMILIES_H_
#define SEXTANT_TESTS_BENCH_CURVE_FAMILIES_H_

#include <string>
#include <vector>

#include "tests/bench/curve_dev_set.h"

namespace sextant::bench {

// Curves whose head holds the points up to half of the last x (loss against steps), or all but the last third
// of the points (loss against data, parameters or compute). Files that are missing give no curves. Families:
//   routed-steps    Clark et al. 2022, validation loss against steps
//   olmo-steps      OLMo ladder, validation losses against steps, cosine schedules
//   calibration     this project's byte and line sweeps, training loss against steps, cosine schedules
//   double-descent  Nakkiran et al. 2020 as collected by Lee et al., error against model size or samples
//   width           nanoGPT loss against width (Lee et al.)
//   data            loss against tokens at one size (Gadre et al. 2024, Porian et al. 2024, Step Law)
//   compute         loss of the best size against compute (Porian et al. 2024)
//   public          PublicSeries()
std::vector<DevCurve> FamilyCurves();

}  // namespace sextant::bench

#endif  // SEXTANT_TESTS_BENCH_CURVE_FAMILIES_H_
