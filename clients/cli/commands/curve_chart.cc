// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/curve_chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sextant::cli {
namespace {

// As many as an SVG chart has pixels.
constexpr std::size_t kParts = 700;

double Along(double x, bool log) { return log ? std::log(x) : x; }

// Of every part of the x axis the first, lowest, highest and last point, in their order.
void ThinSeries(bool log_x, chart::Series* series) {
  if (series->x.size() <= 4 * kParts) return;
  const double low = Along(series->x.front(), log_x), high = Along(series->x.back(), log_x);
  const auto part_of = [&](double x) {
    return high > low ? static_cast<std::size_t>((Along(x, log_x) - low) / (high - low) * (kParts - 1)) : 0;
  };
  chart::Series thin = *series;
  thin.x.clear();
  thin.y.clear();
  for (std::size_t i = 0; i < series->x.size();) {
    std::size_t end = i, lowest = i, highest = i;
    for (; end < series->x.size() && part_of(series->x[end]) == part_of(series->x[i]); ++end) {
      if (series->y[end] < series->y[lowest]) lowest = end;
      if (series->y[end] > series->y[highest]) highest = end;
    }
    std::vector<std::size_t> kept{i, lowest, highest, end - 1};
    std::sort(kept.begin(), kept.end());
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    for (const std::size_t at : kept) {
      thin.x.push_back(series->x[at]);
      thin.y.push_back(series->y[at]);
    }
    i = end;
  }
  *series = std::move(thin);
}

}  // namespace

chart::Chart CurveChart(const std::string& name, const std::string& loss_unit, const v1::Curve& curve,
                        const CurveChartOptions& options) {
  chart::Chart chart;
  chart.title = "Curve of " + name;
  chart.x.label = options.over_tokens ? "tokens" : "step";
  chart.x.count = true;
  chart.x.log = !options.linear_x;
  chart.y.label = "loss (" + loss_unit + ")";
  chart.y.log = !options.linear_y;
  const auto add = [&](const char* title, const google::protobuf::RepeatedField<float>& values, int color) {
    chart::Series series;
    series.name = title;
    series.color = color;
    int not_finite = 0;
    for (int i = 0; i < values.size(); ++i) {
      const double x = !options.over_tokens      ? static_cast<double>(curve.step(i))
                       : i < curve.tokens_size() ? curve.tokens(i)
                                                 : std::numeric_limits<double>::quiet_NaN();
      if (std::isnan(values[i]) || std::isnan(x)) continue;
      if (!std::isfinite(values[i])) ++not_finite;
      if (!std::isfinite(values[i]) || (chart.x.log && x <= 0)) continue;
      series.x.push_back(x);
      series.y.push_back(values[i]);
    }
    if (not_finite > 0) {
      chart.notes.push_back(std::string(title) + ": " + std::to_string(not_finite) +
                            " values are not finite");
    }
    if (series.x.empty()) return;
    ThinSeries(chart.x.log, &series);
    if (series.x.size() == 1) series.mark = chart::Mark::kPoints;
    chart.series.push_back(std::move(series));
  };
  add("training loss", curve.train_loss(), 0);
  add("validation loss", curve.validation_loss(), 1);
  return chart;
}

}  // namespace sextant::cli
