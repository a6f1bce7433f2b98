// SPDX-License-Identifier: Apache-2.0
// --plot and --svg: where the charts of a command go.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "clients/cli/chart/chart.h"
#include "clients/cli/session.h"

namespace sextant::cli {

struct PlotOptions {
  bool plot = false;
  std::string svg;
  bool wanted() const { return plot || !svg.empty(); }
};

/// Adds the two flags; `what` is drawn.
void AddPlotOptions(CLI::App* command, const std::string& what, PlotOptions* options);

/// A usage error for --plot beside an output that programs read.
int CheckPlotOptions(const Session& session, const PlotOptions& options);

/// Draws every chart to stdout (--plot) and all of them, one below the other, into one file (--svg).
int PutCharts(const Session& session, const PlotOptions& options, const std::vector<chart::Chart>& charts);

}  // namespace sextant::cli
