// SPDX-License-Identifier: Apache-2.0
// The replicates of an optimum fit as columns, so that a prediction's interval costs microseconds.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "fitting/fit_model.h"

namespace sextant::fitting {

/// Immutable, thread-safe. Gives the interval that PredictOptimum gives, from contiguous columns.
class OptimumDraws {
 public:
  explicit OptimumDraws(const OptimumModel& fit);

  /// The central `confidence` interval at (N, D); nothing without replicates.
  std::optional<std::pair<double, double>> Interval(double params, double tokens, double confidence) const;

 private:
  LawVariables variables_;
  FittedRange params_, tokens_;
  std::vector<double> constant_;                ///< log_c plus one cell's deviation from the law
  std::vector<std::vector<double>> exponents_;  ///< [variable][replicate]
  std::vector<std::vector<double>> bends_;      ///< of x1^2, x1 x2, x2^2 about the centre; none without bends
  std::array<double, 2> bend_centre_{};
  std::vector<std::vector<double>> beyond_;  ///< per ln of N and of D beyond the fitted range; or none
};

}  // namespace sextant::fitting
