// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/chart/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/printable.h"
#include "clients/cli/chart/canvas.h"
#include "clients/cli/chart/scene.h"
#include "clients/cli/output/text_table.h"

namespace sextant::cli::chart {
namespace {

constexpr int kLeastWidth = 40, kLeastHeight = 5, kMostWidth = 400;
constexpr int kColumnsPerTick = 10, kLinesPerTick = 4;

std::string Cut(const std::string& text, std::size_t width) {
  std::string line = Printable(text);
  if (DisplayWidth(line) <= width) return line;
  std::string out;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < line.size() && taken + 1 < width; ++taken) {
    const std::size_t start = i++;
    while (i < line.size() && (static_cast<unsigned char>(line[i]) & 0xC0) == 0x80) ++i;
    out.append(line, start, i - start);
  }
  return out + "…";
}

void TrimEnd(std::string* text) { text->erase(text->find_last_not_of(' ') + 1); }

int ToDot(double share, int dots) { return static_cast<int>(std::lround(share * (dots - 1))); }

const char* SignOf(const Shape& point) { return point.cross ? "×" : point.hollow ? "○" : "●"; }

void DrawBand(const Shape& band, Canvas* canvas) {
  const std::size_t half = band.spots.size() / 2;
  const int columns = canvas->dots_across() / 2;
  for (std::size_t i = 0; i + 1 < half; ++i) {
    const Spot &a = band.spots[i], &b = band.spots[i + 1];
    const Spot &under_a = band.spots[band.spots.size() - 1 - i],
               &under_b = band.spots[band.spots.size() - 2 - i];
    const int from = static_cast<int>(std::min(a.x, b.x) * (columns - 1));
    const int to = static_cast<int>(std::max(a.x, b.x) * (columns - 1));
    for (int column = from; column <= to; ++column) {
      const double at = static_cast<double>(column) / (columns - 1);
      const double t = a.x == b.x ? 0 : std::clamp((at - a.x) / (b.x - a.x), 0.0, 1.0);
      canvas->Shade(column, ToDot(under_a.y + t * (under_b.y - under_a.y), canvas->dots_up()),
                    ToDot(a.y + t * (b.y - a.y), canvas->dots_up()), band.color);
    }
  }
}

void Draw(const Shape& shape, Canvas* canvas) {
  const int across = canvas->dots_across(), up = canvas->dots_up();
  if (shape.mark == Mark::kBand) return DrawBand(shape, canvas);
  if (shape.mark == Mark::kPoints) {
    const int x = ToDot(shape.spots[0].x, across), y = ToDot(shape.spots[0].y, up);
    int phase = 0;
    if (shape.bar_high > shape.bar_low) {
      canvas->Stroke(x, ToDot(shape.bar_low, up), x, ToDot(shape.bar_high, up), shape.color, false, &phase);
    }
    return canvas->Sign(x, y, SignOf(shape), shape.color);
  }
  int phase = 0;
  for (std::size_t i = 0; i + 1 < shape.spots.size(); ++i) {
    canvas->Stroke(ToDot(shape.spots[i].x, across), ToDot(shape.spots[i].y, up),
                   ToDot(shape.spots[i + 1].x, across), ToDot(shape.spots[i + 1].y, up), shape.color,
                   shape.dashed, &phase);
  }
}

// The last stroke of a series ends where its letter goes.
void DrawLetters(const Scene& scene, Canvas* canvas) {
  for (const Key& key : scene.keys) {
    if (key.letter.empty()) continue;
    const Shape* end = nullptr;
    for (const Shape& shape : scene.shapes) {
      if (shape.series == key.series) end = &shape;
    }
    if (end == nullptr) continue;
    canvas->Sign(ToDot(end->spots.back().x, canvas->dots_across()),
                 ToDot(end->spots.back().y, canvas->dots_up()), key.letter.c_str(), end->color);
  }
}

std::string XLabels(const std::vector<Tick>& ticks, int width, int margin) {
  std::string line(static_cast<std::size_t>(margin + width) + 8, ' ');
  std::size_t free_from = 0;
  for (const Tick& tick : ticks) {
    if (tick.label.empty()) continue;
    const int middle = margin + static_cast<int>(std::lround(tick.at * (width - 1)));
    const int start = std::clamp(middle - static_cast<int>(tick.label.size()) / 2, 0,
                                 margin + width - static_cast<int>(tick.label.size()));
    if (static_cast<std::size_t>(start) < free_from) continue;
    line.replace(static_cast<std::size_t>(start), tick.label.size(), tick.label);
    free_from = static_cast<std::size_t>(start) + tick.label.size() + 1;
  }
  TrimEnd(&line);
  return line + "\n";
}

std::string LegendSign(const Chart& chart, const Key& key) {
  const Series& series = chart.series[key.series];
  if (series.mark == Mark::kBand) return "··";
  if (series.mark == Mark::kPoints) return series.cross ? "×" : series.hollow ? "○" : "●";
  const std::string stroke = series.dashed ? "⠤ ⠤" : "⠤⠤⠤";
  return key.letter.empty() ? stroke : stroke + key.letter;
}

std::string Legend(const Chart& chart, const Scene& scene, std::size_t width, bool color) {
  std::string out, line;
  std::size_t taken = 0;
  for (const Key& key : scene.keys) {
    const std::string sign = LegendSign(chart, key);
    const std::string name = Cut(key.name, width - 8);
    const std::size_t needs = DisplayWidth(sign) + 1 + DisplayWidth(name);
    if (taken > 0 && taken + 3 + needs > width) {
      out += line + "\n";
      line.clear();
      taken = 0;
    }
    line += taken > 0 ? "   " : "  ";
    taken += needs + (taken > 0 ? 3 : 2);
    line += (color ? ColorEscape(chart.series[key.series].color) + sign + kPlainEscape : sign) + " " + name;
  }
  return line.empty() ? out : out + line + "\n";
}

}  // namespace

std::string RenderText(const Chart& chart, const TerminalLook& look) {
  const int total = std::clamp(look.width, kLeastWidth, kMostWidth);
  const int height = std::max(look.height, kLeastHeight);
  const Scene scene = LayOut(chart);
  const std::vector<Tick> y_ticks = TicksOf(scene.y_axis, scene.y, std::max(2, height / kLinesPerTick));
  std::size_t label_width = 1;
  for (const Tick& tick : y_ticks) label_width = std::max(label_width, DisplayWidth(tick.label));
  const int margin = static_cast<int>(label_width) + 2;
  // One column stays free: terminals break a line that fills the last one.
  const int width = total - margin - 1;
  Canvas canvas(width, height);
  for (const Shape& shape : scene.shapes) Draw(shape, &canvas);
  DrawLetters(scene, &canvas);

  std::string out;
  const std::size_t room = static_cast<std::size_t>(total) - 1;
  if (!chart.title.empty()) out += Cut(chart.title, room) + "\n";
  out += Cut(chart.y.label + (scene.y.log ? ", log" : ""), room) + "\n";
  for (int row = 0; row < height; ++row) {
    std::string label, axis = "│";
    for (const Tick& tick : y_ticks) {
      if (height - 1 - static_cast<int>(std::lround(tick.at * (height - 1))) != row || tick.label.empty())
        continue;
      label = tick.label;
      axis = "┤";
    }
    std::string line = std::string(label_width - DisplayWidth(label), ' ') + label + " " + axis +
                       canvas.Row(row, look.color);
    TrimEnd(&line);
    out += line + "\n";
  }
  const std::vector<Tick> x_ticks = TicksOf(scene.x_axis, scene.x, std::max(2, width / kColumnsPerTick));
  std::string rule;
  for (int column = 0; column < width; ++column) {
    const bool marked = std::any_of(x_ticks.begin(), x_ticks.end(), [&](const Tick& tick) {
      return !tick.label.empty() && static_cast<int>(std::lround(tick.at * (width - 1))) == column;
    });
    rule += marked ? "┬" : "─";
  }
  out += std::string(label_width + 1, ' ') + "└" + rule + "\n";
  out += XLabels(x_ticks, width, margin);
  const std::string x_label = Cut(chart.x.label + (scene.x.log ? ", log" : ""), room);
  const std::size_t pad = (room - std::min(room, DisplayWidth(x_label))) / 2;
  out += std::string(pad, ' ') + x_label + "\n";
  out += Legend(chart, scene, room, look.color);
  for (const std::string& note : chart.notes) out += Cut(note, room) + "\n";
  return out;
}

int TerminalWidth() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  constexpr int kDefaultWidth = 80;
  const char* columns = std::getenv("COLUMNS");
  if (columns == nullptr) return kDefaultWidth;
  int width = 0;
  const char* end = columns + std::strlen(columns);
  const auto [stop, error] = std::from_chars(columns, end, width);
  return error == std::errc() && stop == end && width > 0 ? width : kDefaultWidth;
}

}  // namespace sextant::cli::chart
