// SPDX-License-Identifier: Apache-2.0
// Has a curve reached the regime where its loss falls like a power law?
#ifndef SEXTANT_FITTING_CURVE_REGIME_H_
#define SEXTANT_FITTING_CURVE_REGIME_H_

#include <vector>

#include "fitting/curve/curve.h"
#include "fitting/curve/local_regression.h"

namespace sextant::fitting {

// Sets label, reason and drop_* of `quality` from ln x (ascending, at least one) and the lines of ln loss
// through it. Learning rates count as annealed beyond the abscissa `annealed_from` (the last one when the
// rate is unknown). Reads quality.noise.
//
// On a power law, with or without a floor, the slope -d ln loss / d ln x never rises. An abrupt drop (such as
// the forming of induction heads, Olsson et al. 2022, arXiv 2209.11895) is a hump of that slope: it rises
// well above its value before, and falls back within about one e-fold. Annealing also steepens a curve,
// slowly and at the end, so the hump is looked for where the rate is still above half its peak, when the rate
// is known.
void LabelRegime(const std::vector<double>& log_x, const LocalRegression& lines, double annealed_from,
                 CurveQuality& quality);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_REGIME_H_
