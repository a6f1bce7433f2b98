// SPDX-License-Identifier: Apache-2.0
// A run's curve, read whole and written point by point.
#pragma once

#include <string>
#include <vector>

#include "clients/cli/session.h"
#include "sextant/v1/run_service.pb.h"

namespace sextant::cli {

/// Reads every page. A column that only some pages have is NaN in the others.
int ReadCurve(Session& session, const std::string& run_name, v1::Curve* curve);

/// The names of the columns that `curve` has; a point's cells under them, empty where nothing was measured.
/// The columns are those of `shape`, so that curves with fewer can share a table.
std::vector<std::string> CurveHeader(const v1::Curve& shape);
std::vector<std::string> CurveRow(const v1::Curve& curve, int at, const v1::Curve& shape, bool machine);

/// One point in every column.
v1::Curve EveryCurveColumn();

}  // namespace sextant::cli
