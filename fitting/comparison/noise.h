// SPDX-License-Identifier: Apache-2.0
// How much the final loss varies from seed to seed, pooled over the repeats of a study.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "fitting/comparison/recipe_cells.h"

namespace sextant::fitting::comparison {

/// Where a noise comes from.
enum class NoiseSource { kRepeats, kResiduals, kAssumed };

/// ln deviation(C) = log_deviation + slope * ln(C / centre).
struct NoiseModel {
  NoiseSource source = NoiseSource::kAssumed;
  double log_deviation = 0;  ///< of ln loss, between seeds
  double slope = 0;          ///< 0 unless repeats at three scales say otherwise
  double centre_flops = 1;
  int degrees = 0;         ///< of freedom behind the deviation
  std::size_t groups = 0;  ///< settings that were repeated

  double DeviationAt(double flops) const;
};

/// "repeats", "residuals", "assumed".
const char* NoiseSourceName(NoiseSource source);

/// Deviation of ln loss between seeds where a study says nothing: 0.001 to 0.002 in OpenEuroLLM 2608.28308.
inline constexpr double kAssumedDeviation = 0.0015;

/// The noise of the runs' repeats; source kAssumed with no degrees of freedom where nothing was repeated.
/// With repeats at three or more scales the deviation may change with C: a normal prior of deviation 0.1
/// about slope 0 (a factor 1.6 over two decades) holds it where they say little.
NoiseModel PoolRepeats(std::span<const RepeatGroup> groups);

}  // namespace sextant::fitting::comparison
