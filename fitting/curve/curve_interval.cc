// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/curve_interval.h"

#include <algorithm>
#include <cmath>

#include "base/quantile.h"
#include "fitting/curve/normal_quantile.h"

namespace sextant::fitting {

LogInterval CurveInterval(std::vector<double> draws, double centre, double at_end, double reach, double noise,
                          double confidence, const IntervalTuning& tuning) {
  for (double& draw : draws) draw = centre + std::clamp(draw - centre, -1e3, 1e3);
  const double below = std::max(0.0, centre - Quantile(draws, 0.5 * (1 - confidence)));
  const double above = std::max(0.0, Quantile(std::move(draws), 0.5 * (1 + confidence)) - centre);
  const double beyond = std::max(reach, 0.0);
  const double other =
      NormalQuantile(0.5 * (1 + confidence)) *
      std::hypot(noise, tuning.of_fall * std::fabs(centre - at_end), tuning.of_reach * beyond);
  return {centre - std::hypot(tuning.widen * below, other), centre + std::hypot(tuning.widen * above, other)};
}

}  // namespace sextant::fitting
