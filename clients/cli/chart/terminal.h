// SPDX-License-Identifier: Apache-2.0
// Charts as lines of text: lines in braille dots, bands as shading, points as signs.
#pragma once

#include <string>

#include "clients/cli/chart/chart.h"

namespace sextant::cli::chart {

struct TerminalLook {
  int width = 80;   ///< columns of the whole; at least 40 are used
  int height = 20;  ///< lines of the plot alone; at least 5 are used
  bool color = false;
};

/// With line ends. Names are made harmless and cut to the width; without colour, letters at the ends of lines
/// tell them apart.
std::string RenderText(const Chart& chart, const TerminalLook& look);

/// Columns of the terminal on standard output; else $COLUMNS; else 80.
int TerminalWidth();

}  // namespace sextant::cli::chart
