// SPDX-License-Identifier: Apache-2.0
// Reading the steps to a target loss off runs: the best rate of each batch, and the target each batch can
// reach.
#ifndef SEXTANT_FITTING_CRITICAL_BATCH_TARGET_STEPS_H_
#define SEXTANT_FITTING_CRITICAL_BATCH_TARGET_STEPS_H_

#include <optional>
#include <span>
#include <vector>

#include "fitting/curve/curve.h"

namespace sextant::fitting {

// ln steps at which a cleaned curve first stays at or below the target, read on the smoothed curve by
// straight lines in (ln x, ln loss), and its standard error: the noise of the smoothed curve over its slope
// there. Nothing when it never does.
struct Crossing {
  double log_x = 0, error = 0;
};
std::optional<Crossing> FirstCrossing(const CleanCurve& curve, double target_loss);

// The least value over learning rates, by a parabola in ln rate through the best rate and its neighbours.
struct RatePoint {
  double learning_rate = 0, value = 0, error = 0;
};
struct BestRate {
  double learning_rate = 0, value = 0, error = 0;  // rate 0: not recorded
  bool at_edge = false;                            // the best rate is the smallest or largest tried
  bool only_one = false;                           // one rate was tried
};
// `points` not empty; sorted by rate on return. Values may be losses or ln steps.
BestRate LeastOverRates(std::vector<RatePoint> points);

// Straight lines through (ln tokens, ln loss) of one batch's best runs, one a horizon: the ln tokens that
// reach a target. `outside` counts how far, in ln tokens, the target lies beyond the horizons; nothing beyond
// `reach`.
struct HorizonPoint {
  double log_tokens = 0, log_loss = 0, error = 0;
};
struct HorizonReading {
  double log_tokens = 0, error = 0, outside = 0;
};
std::optional<HorizonReading> TokensToLoss(std::span<const HorizonPoint> points, double log_target,
                                           double reach);

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CRITICAL_BATCH_TARGET_STEPS_H_
