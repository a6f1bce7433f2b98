// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/chart/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/printable.h"
#include "clients/cli/chart/scene.h"
#include "clients/cli/output/text_table.h"

namespace sextant::cli::chart {
namespace {

// Pixels. The plot's size is fixed; the legend and the notes below take what they need.
constexpr double kWidth = 760, kLeft = 76, kRight = 20, kTop = 44, kPlotHeight = 340, kAxisRoom = 52,
                 kLine = 18;
constexpr int kTicksAcross = 7, kTicksUp = 6;
constexpr std::size_t kMostCharacters = 90;
constexpr double kPlotWidth = kWidth - kLeft - kRight;

// Okabe and Ito 2008: told apart by people who do not see all colours. Text and lines follow the reader's
// choice of a light or dark ground.
constexpr char kStyle[] =
    "<style>"
    ".c{--i:#1b1f24;--g:#fff;--r:#d0d7de;--c0:#0072b2;--c1:#d55e00;--c2:#007a5a;--c3:#b0508c;--c4:#9a6b00;"
    "--c5:#3b8fc4;font:13px system-ui,sans-serif}"
    "@media (prefers-color-scheme:dark){.c{--i:#e6edf3;--g:#0d1117;--r:#30363d;--c0:#58a6ff;--c1:#ff9b57;"
    "--c2:#3fce9b;--c3:#e59ac8;--c4:#e3b341;--c5:#8cc8f2}}"
    ".c text{fill:var(--i)}.g{fill:var(--g)}.r{stroke:var(--r);fill:none}.a{stroke:var(--i);fill:none}"
    ".l{fill:none;stroke-width:2;stroke-linejoin:round}.d{stroke-dasharray:7 5}.b{stroke:none;opacity:.18}"
    ".h{font-weight:600}"
    ".s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:var(--c3)}.s4{stroke:var(--c4)"
    "}"
    ".s5{stroke:var(--c5)}"
    ".f0{fill:var(--c0)}.f1{fill:var(--c1)}.f2{fill:var(--c2)}.f3{fill:var(--c3)}.f4{fill:var(--c4)}"
    ".f5{fill:var(--c5)}.o{fill:var(--g);stroke-width:1.8}"
    "</style>";
constexpr int kPalette = 6;

double X(double share) { return kLeft + share * kPlotWidth; }
double Y(double share) { return kTop + (1 - share) * kPlotHeight; }
int ColorOf(int color) { return (color % kPalette + kPalette) % kPalette; }

std::string Text(double x, double y, const char* anchor, const std::string& text, const char* more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y, anchor, more,
                     EscapeXml(text));
}

std::string Point(double x, double y, bool hollow, bool cross, int color) {
  constexpr double kRadius = 3.6;
  if (cross) {
    return fmt::format("<path class=\"l s{}\" d=\"M{:.1f} {:.1f}l7 7m0 -7l-7 7\"/>\n", color, x - 3.5,
                       y - 3.5);
  }
  return fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\"/>\n",
                     hollow ? fmt::format("o s{}", color) : fmt::format("f{}", color), x, y, kRadius);
}

std::string Path(const std::vector<Spot>& spots, bool closed) {
  std::string d;
  for (const Spot& spot : spots) {
    d += fmt::format("{}{:.1f} {:.1f}", d.empty() ? "M" : "L", X(spot.x), Y(spot.y));
  }
  return closed ? d + "Z" : d;
}

std::string Draw(const Shape& shape) {
  const int color = ColorOf(shape.color);
  switch (shape.mark) {
    case Mark::kBand:
      return fmt::format("<path class=\"b f{}\" d=\"{}\"/>\n", color, Path(shape.spots, true));
    case Mark::kLine:
      return fmt::format("<path class=\"l s{}{}\" d=\"{}\"/>\n", color, shape.dashed ? " d" : "",
                         Path(shape.spots, false));
    case Mark::kPoints:
      break;
  }
  std::string out;
  const double x = X(shape.spots[0].x);
  if (shape.bar_high > shape.bar_low) {
    out += fmt::format("<path class=\"l s{}\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>\n", color, x, Y(shape.bar_low),
                       Y(shape.bar_high));
  }
  return out + Point(x, Y(shape.spots[0].y), shape.hollow, shape.cross, color);
}

std::string Grid(const Scene& scene) {
  std::string out;
  for (const Tick& tick : TicksOf(scene.x_axis, scene.x, kTicksAcross)) {
    const double x = X(tick.at);
    if (tick.label.empty()) {
      out += fmt::format("<path class=\"a\" d=\"M{:.1f} {:.1f}v4\"/>\n", x, Y(0));
      continue;
    }
    out += fmt::format("<path class=\"r\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>\n", x, Y(0), Y(1));
    out += Text(x, Y(0) + 18, "middle", tick.label);
  }
  for (const Tick& tick : TicksOf(scene.y_axis, scene.y, kTicksUp)) {
    const double y = Y(tick.at);
    if (tick.label.empty()) {
      out += fmt::format("<path class=\"a\" d=\"M{:.1f} {:.1f}h-4\"/>\n", X(0), y);
      continue;
    }
    out += fmt::format("<path class=\"r\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", X(0), y, X(1));
    out += Text(X(0) - 8, y + 4, "end", tick.label);
  }
  out += fmt::format("<path class=\"a\" d=\"M{:.1f} {:.1f}V{:.1f}H{:.1f}\"/>\n", X(0), Y(1), Y(0), X(1));
  return out;
}

std::string KeySign(const Series& series, double x, double y) {
  const int color = ColorOf(series.color);
  if (series.mark == Mark::kBand) {
    return fmt::format("<rect class=\"b f{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"22\" height=\"10\"/>\n",
                       color, x, y - 9);
  }
  if (series.mark == Mark::kPoints) return Point(x + 11, y - 4, series.hollow, series.cross, color);
  return fmt::format("<path class=\"l s{}{}\" d=\"M{:.1f} {:.1f}h22\"/>\n", color, series.dashed ? " d" : "",
                     x, y - 4);
}

std::string Cut(const std::string& text) {
  const std::string line = Printable(text);
  if (DisplayWidth(line) <= kMostCharacters) return line;
  std::size_t end = kMostCharacters;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;
  return line.substr(0, end) + "…";
}

// For those who hear the chart: what is on it.
std::string Description(const Chart& chart, const Scene& scene) {
  std::string text =
      fmt::format("{} from {} to {} over {} from {} to {}.", Cut(chart.y.label),
                  TickLabel(chart.y, scene.y.low), TickLabel(chart.y, scene.y.high), Cut(chart.x.label),
                  TickLabel(chart.x, scene.x.low), TickLabel(chart.x, scene.x.high));
  for (const Key& key : scene.keys) text += " " + Cut(key.name) + ".";
  return text;
}

struct Drawn {
  std::string text;
  double height = 0;
};

Drawn DrawChart(const Chart& chart, std::size_t number) {
  const Scene scene = LayOut(chart);
  constexpr double kKeyGap = 24, kSign = 28, kPerCharacter = 7.2;
  std::string legend;
  double x = kLeft, y = kTop + kPlotHeight + kAxisRoom + kLine;
  for (const Key& key : scene.keys) {
    const std::string name = Cut(key.name);
    const double needs = kSign + kPerCharacter * static_cast<double>(DisplayWidth(name));
    if (x > kLeft && x + needs > kWidth - kRight) {
      x = kLeft;
      y += kLine;
    }
    legend += KeySign(chart.series[key.series], x, y) + Text(x + kSign, y, "start", name);
    x += needs + kKeyGap;
  }
  for (const std::string& note : chart.notes) {
    y += kLine;
    legend += Text(kLeft, y, "start", Cut(note));
  }
  const double height = y + kLine;
  std::string out = fmt::format("<title id=\"t{}\">{}</title>\n<desc id=\"d{}\">{}</desc>\n", number,
                                EscapeXml(Cut(chart.title)), number, EscapeXml(Description(chart, scene)));
  out += Text(kLeft, 26, "start", Cut(chart.title), " class=\"h\"");
  out += Grid(scene);
  for (const Shape& shape : scene.shapes) out += Draw(shape);
  out += Text(X(0.5), Y(0) + 40, "middle", Cut(chart.x.label));
  out += Text(0, 0, "middle", Cut(chart.y.label),
              fmt::format(" transform=\"translate(18 {:.0f}) rotate(-90)\"", Y(0.5)).c_str());
  return {out + legend, height};
}

}  // namespace

std::string EscapeXml(const std::string& text) {
  std::string out;
  for (const char c : Printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string RenderSvg(const std::vector<Chart>& charts) {
  std::string inner;
  double height = 0;
  for (std::size_t i = 0; i < charts.size(); ++i) {
    const Drawn drawn = DrawChart(charts[i], i + 1);
    inner += fmt::format("<g transform=\"translate(0 {:.0f})\" role=\"img\" aria-labelledby=\"t{} d{}\">\n",
                         height, i + 1, i + 1) +
             drawn.text + "</g>\n";
    height += drawn.height;
  }
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"c\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
             "width=\"{0:.0f}\" height=\"{1:.0f}\">\n{2}\n<rect class=\"g\" width=\"{0:.0f}\" "
             "height=\"{1:.0f}\"/>\n",
             kWidth, height, kStyle) +
         inner + "</svg>\n";
}

}  // namespace sextant::cli::chart
