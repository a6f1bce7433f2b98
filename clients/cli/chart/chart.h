// SPDX-License-Identifier: Apache-2.0
// What a chart shows: series over two axes. How it is drawn, in a terminal or as SVG, is for the renderers.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sextant::cli::chart {

struct Axis {
  std::string label;                ///< with its unit: "tokens", "loss (nats per token)"
  bool log = false;                 ///< values that are not positive are left out then
  bool count = false;               ///< ticks as 10K, 1M, 1B
  std::optional<double> low, high;  ///< ends; from the data where absent
};

enum class Mark { kLine, kPoints, kBand };

/// A series of one look. Values that are not finite break a line and leave a point out.
struct Series {
  std::string name;  ///< of the legend; empty: not there
  Mark mark = Mark::kLine;
  bool dashed = false;  ///< lines: what is extrapolated
  bool hollow = false;  ///< points: what a fit did not see
  bool cross = false;   ///< points: runs that diverged
  int color = 0;        ///< of the palette; series of one thing share it
  std::vector<double> x, y;
  std::vector<double> low, high;  ///< bands: both ends at each x; points: error bars, or empty
};

struct Chart {
  std::string title;
  Axis x, y;
  std::vector<Series> series;
  std::vector<std::string> notes;  ///< below, a line each
};

}  // namespace sextant::cli::chart
