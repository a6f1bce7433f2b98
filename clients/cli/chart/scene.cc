// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/chart/scene.h"

#include <algorithm>
#include <cmath>

namespace sextant::cli::chart {
namespace {

constexpr double kBandShare = 0.5;

bool Inside(double share) { return share >= 0 && share <= 1; }

// The part of a segment inside the unit square (Liang and Barsky 1984); false when there is none.
bool Clip(Spot* a, Spot* b) {
  double from = 0, to = 1;
  const double dx = b->x - a->x, dy = b->y - a->y;
  const double edges[4][2] = {{-dx, a->x}, {dx, 1 - a->x}, {-dy, a->y}, {dy, 1 - a->y}};
  for (const auto& [step, room] : edges) {
    if (step == 0) {
      if (room < 0) return false;
      continue;
    }
    const double at = room / step;
    if (step < 0) {
      from = std::max(from, at);
    } else {
      to = std::min(to, at);
    }
  }
  if (from > to) return false;
  const Spot start = *a;
  *a = {start.x + from * dx, start.y + from * dy};
  *b = {start.x + to * dx, start.y + to * dy};
  return true;
}

Shape Blank(const Series& series, std::size_t index) {
  Shape shape;
  shape.mark = series.mark;
  shape.dashed = series.dashed;
  shape.hollow = series.hollow;
  shape.cross = series.cross;
  shape.color = series.color;
  shape.series = index;
  return shape;
}

void AddLine(const Series& series, std::size_t index, Scene* scene) {
  Shape stroke = Blank(series, index);
  const auto end_stroke = [&] {
    if (stroke.spots.size() > 1) scene->shapes.push_back(stroke);
    stroke.spots.clear();
  };
  bool has_last = false;
  Spot last;
  for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
    const Spot here{scene->x.At(series.x[i]), scene->y.At(series.y[i])};
    if (std::isnan(here.x) || std::isnan(here.y)) {
      end_stroke();
      has_last = false;
      continue;
    }
    if (has_last) {
      Spot a = last, b = here;
      if (Clip(&a, &b)) {
        if (stroke.spots.empty()) stroke.spots.push_back(a);
        stroke.spots.push_back(b);
        if (!Inside(here.x) || !Inside(here.y)) end_stroke();
      } else {
        end_stroke();
      }
    }
    last = here;
    has_last = true;
  }
  end_stroke();
}

void AddBand(const Series& series, std::size_t index, Scene* scene) {
  Shape band = Blank(series, index);
  std::vector<Spot> back;
  for (std::size_t i = 0; i < std::min({series.x.size(), series.low.size(), series.high.size()}); ++i) {
    const double x = scene->x.At(series.x[i]);
    double low = scene->y.At(series.low[i]), high = scene->y.At(series.high[i]);
    if (!Inside(x) || std::isnan(high)) continue;
    // What a log axis cannot show lies below it.
    if (std::isnan(low)) low = 0;
    if (low > 1 || high < 0) continue;
    low = std::clamp(low, 0.0, 1.0);
    high = std::clamp(high, 0.0, 1.0);
    band.spots.push_back({x, high});
    back.push_back({x, low});
  }
  if (back.size() < 2) return;
  band.spots.insert(band.spots.end(), back.rbegin(), back.rend());
  scene->shapes.push_back(std::move(band));
}

void AddPoints(const Series& series, std::size_t index, Scene* scene) {
  for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
    const Spot here{scene->x.At(series.x[i]), scene->y.At(series.y[i])};
    // NaN is not inside either.
    if (!Inside(here.x) || !Inside(here.y)) continue;
    Shape point = Blank(series, index);
    point.spots.push_back(here);
    point.bar_low = point.bar_high = here.y;
    if (i < series.low.size() && i < series.high.size()) {
      const double low = scene->y.At(series.low[i]), high = scene->y.At(series.high[i]);
      if (!std::isnan(high)) point.bar_high = std::clamp(high, 0.0, 1.0);
      if (!std::isnan(high)) point.bar_low = std::isnan(low) ? 0 : std::clamp(low, 0.0, 1.0);
    }
    scene->shapes.push_back(std::move(point));
  }
}

void Append(const std::vector<double>& from, std::vector<double>* to) {
  to->insert(to->end(), from.begin(), from.end());
}

Scale YScale(const Chart& chart) {
  std::vector<double> drawn, edges;
  for (const Series& series : chart.series) {
    Append(series.y, &drawn);
    Append(series.low, &edges);
    Append(series.high, &edges);
  }
  if (drawn.empty()) return ScaleOf(chart.y, edges);
  const Scale tight = ScaleOf(chart.y, drawn);
  for (const double edge : edges) {
    const double at = tight.At(edge);
    if (std::isnan(at)) continue;
    drawn.push_back(tight.ValueAt(std::clamp(at, -kBandShare, 1 + kBandShare)));
  }
  return ScaleOf(chart.y, drawn);
}

}  // namespace

Scene LayOut(const Chart& chart) {
  Scene scene;
  scene.x_axis = chart.x;
  scene.y_axis = chart.y;
  std::vector<double> xs;
  for (const Series& series : chart.series) Append(series.x, &xs);
  scene.x = ScaleOf(chart.x, xs);
  scene.y = YScale(chart);
  // Bands lie under lines, lines under points.
  for (const Mark mark : {Mark::kBand, Mark::kLine, Mark::kPoints}) {
    for (std::size_t i = 0; i < chart.series.size(); ++i) {
      const Series& series = chart.series[i];
      if (series.mark != mark) continue;
      if (mark == Mark::kBand) AddBand(series, i, &scene);
      if (mark == Mark::kLine) AddLine(series, i, &scene);
      if (mark == Mark::kPoints) AddPoints(series, i, &scene);
    }
  }
  const auto lines = std::count_if(chart.series.begin(), chart.series.end(), [](const Series& series) {
    return series.mark == Mark::kLine && !series.name.empty();
  });
  char letter = 'a';
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const Series& series = chart.series[i];
    if (series.name.empty()) continue;
    Key key{series.name, "", i};
    if (lines > 1 && series.mark == Mark::kLine && letter <= 'z') key.letter = std::string(1, letter++);
    scene.keys.push_back(std::move(key));
  }
  return scene;
}

}  // namespace sextant::cli::chart
