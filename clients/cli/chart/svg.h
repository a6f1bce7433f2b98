// SPDX-License-Identifier: Apache-2.0
// Charts as SVG 1.1: no script, no font or picture from elsewhere, readable on light and dark grounds.
#pragma once

#include <string>
#include <vector>

#include "clients/cli/chart/chart.h"

namespace sextant::cli::chart {

/// A whole document with the charts one below the other, each with a title and a description for screen
/// readers. Texts are made harmless and escaped.
std::string RenderSvg(const std::vector<Chart>& charts);

/// `text` as XML character data or the value of an attribute; what XML 1.0 does not allow becomes an escape.
std::string EscapeXml(const std::string& text);

}  // namespace sextant::cli::chart
