// SPDX-License-Identifier: Apache-2.0
// How far measured steps may stray: the noise model behind the intervals of from_steps.h.
#ifndef SEXTANT_FITTING_CRITICAL_BATCH_NOISE_MODEL_H_
#define SEXTANT_FITTING_CRITICAL_BATCH_NOISE_MODEL_H_

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "base/random.h"
#include "fitting/critical_batch/from_steps.h"

namespace sextant::fitting {

// Normal noise of ln steps. Where errors are given they set the relative weights, and count as much as two
// extra degrees of freedom in the overall scale; the rest of the scale comes from the residuals. The scale
// itself is uncertain and is drawn anew in every replicate (scaled inverse chi-squared), so that few batches
// give honestly wide intervals.
class StepNoise {
 public:
  explicit StepNoise(std::span<const StepsToTarget> points) {
    known_ = std::all_of(points.begin(), points.end(),
                         [](const StepsToTarget& p) { return p.log_steps_error > 0; });
    for (const StepsToTarget& p : points) sd_.push_back(known_ ? p.log_steps_error : 1.0);
  }
  // Per point; ones when errors are not known.
  const std::vector<double>& sd() const { return sd_; }

  std::vector<double> Redraw(const std::vector<double>& fitted, double sum_of_squares, int parameters,
                             RandomStream& random) const {
    const int free = std::max(1, static_cast<int>(fitted.size()) - parameters);
    const int degrees = free + (known_ ? 2 : 0);
    const double scale = (sum_of_squares + (known_ ? 2 : 0)) / random.ChiSquared(degrees);
    std::vector<double> drawn = fitted;
    for (size_t i = 0; i < drawn.size(); ++i) drawn[i] += std::sqrt(scale) * sd_[i] * random.Normal();
    return drawn;
  }

 private:
  bool known_ = false;
  std::vector<double> sd_;
};

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CRITICAL_BATCH_NOISE_MODEL_H_
