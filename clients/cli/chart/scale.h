// SPDX-License-Identifier: Apache-2.0
// Axes: where a value lies, and which values are marked.
#pragma once

#include <string>
#include <vector>

#include "clients/cli/chart/chart.h"

namespace sextant::cli::chart {

/// Maps [low, high] to [0, 1].
struct Scale {
  bool log = false;
  double low = 0, high = 1;

  /// Outside [0, 1] for values outside; NaN for values that the axis cannot show.
  double At(double value) const;
  /// Of a share in [0, 1].
  double ValueAt(double share) const;
};

/// From the smallest to the largest value that `axis` can show, or its own ends; a little wider than the
/// data, and never empty.
Scale ScaleOf(const Axis& axis, const std::vector<double>& values);

struct Tick {
  double at = 0;      ///< share of the axis, in [0, 1]
  std::string label;  ///< empty: a small one
};

/// About `most` labelled ticks at round values (1, 2 and 5 times powers of ten; on long log axes whole
/// decades).
std::vector<Tick> TicksOf(const Axis& axis, const Scale& scale, int most);

/// A value as the axis writes it.
std::string TickLabel(const Axis& axis, double value);

}  // namespace sextant::cli::chart
