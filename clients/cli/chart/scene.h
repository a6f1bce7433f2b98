// SPDX-License-Identifier: Apache-2.0
// A chart laid out: shapes in the unit square (0,0 at the lower left), clipped to it, in the order of
// drawing.
#pragma once

#include <string>
#include <vector>

#include "clients/cli/chart/chart.h"
#include "clients/cli/chart/scale.h"

namespace sextant::cli::chart {

struct Spot {
  double x = 0, y = 0;
};

/// One stroke of a line, the outline of a band, or one point with its error bar.
struct Shape {
  Mark mark = Mark::kLine;
  bool dashed = false, hollow = false, cross = false;
  int color = 0;
  std::size_t series = 0;
  std::vector<Spot> spots;  ///< a line's; a band's upper edge there and its lower edge back; a point's one
  double bar_low = 0, bar_high = 0;  ///< points: equal without an error bar
};

/// A line of the legend.
struct Key {
  std::string name;
  std::string letter;  ///< marks the end of a line where colours cannot tell several apart; empty for others
  std::size_t series = 0;
};

struct Scene {
  Axis x_axis, y_axis;
  Scale x, y;
  std::vector<Shape> shapes;
  std::vector<Key> keys;
};

/// Bands do not widen the y axis by more than half of what lines and points take: an interval over decades
/// would hide them.
Scene LayOut(const Chart& chart);

}  // namespace sextant::cli::chart
