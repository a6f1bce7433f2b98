// SPDX-License-Identifier: Apache-2.0
// What two recipes' runs say about their laws, floors included: draws to push quantities through.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "fitting/comparison/conditional_law.h"
#include "fitting/comparison/noise.h"

namespace sextant::fitting::comparison {

/// The loss that no compute removes: given, one for both recipes, or one each.
enum class FloorKind { kPinned, kShared, kFree };

struct PosteriorProblem {
  ConditionalProblem law;  ///< its variance is set here
  FloorKind floor = FloorKind::kShared;
  double pinned = 0;
  bool exponent_pinned = false;
  NoiseModel seeds;  ///< of repeats; degrees 0: none
  int draws = 2000;
  std::uint64_t seed = 1;
};

struct Posterior {
  LawPair mode;  ///< at the most probable floors
  ConditionalFit fit;
  std::vector<LawPair> draws;
  double deviation = 0;  ///< of ln loss of one run about the laws
  int degrees = 0;       ///< of freedom behind it
  NoiseSource noise = NoiseSource::kAssumed;
  int residual_degrees = 0;
  double residual_deviation = 0;           ///< of the residuals alone
  std::optional<double> lack_of_fit_tail;  ///< P(residuals as large by seed noise alone), with repeats
};

/// Floors on a grid, the laws given the floors by least squares, the noise by its chi-squared: intervals are
/// Student's where the floor is pinned. The floor's prior is uniform from 0 to just below the least loss.
/// Residuals and repeats are pooled unless residuals exceed the repeats' noise (F test, 5 %). Empty draws
/// where no floor admits a fit.
Posterior ComputePosterior(const PosteriorProblem& problem);

}  // namespace sextant::fitting::comparison
