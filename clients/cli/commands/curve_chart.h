// SPDX-License-Identifier: Apache-2.0
// Learning curves as charts.
#pragma once

#include <string>

#include "clients/cli/chart/chart.h"
#include "sextant/v1/run_service.pb.h"

namespace sextant::cli {

struct CurveChartOptions {
  bool over_tokens = false;
  bool linear_x = false, linear_y = false;
};

/// Training and validation loss over steps or tokens. Long curves keep the first, last, lowest and highest
/// point of every part that a chart can show.
chart::Chart CurveChart(const std::string& name, const std::string& loss_unit, const v1::Curve& curve,
                        const CurveChartOptions& options);

}  // namespace sextant::cli
