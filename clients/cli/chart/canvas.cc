// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/chart/canvas.h"

#include <algorithm>
#include <cstdlib>

namespace sextant::cli::chart {
namespace {

// Bit of a dot in U+2800 + bits (Unicode, "Braille Patterns"): by column, then from the top row down.
constexpr std::uint8_t kBits[2][4] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};
constexpr int kDash = 5, kGap = 4;  // dots
// Cyan, yellow, magenta, green, blue, red: told apart on dark and on light grounds.
constexpr int kAnsi[] = {36, 33, 35, 32, 34, 31};

std::string Braille(std::uint8_t dots) {
  // U+2800 + dots as UTF-8.
  return {static_cast<char>(0xE2), static_cast<char>(0xA0 | (dots >> 6)),
          static_cast<char>(0x80 | (dots & 0x3F))};
}

}  // namespace

std::string ColorEscape(int color) {
  constexpr int kColors = static_cast<int>(std::size(kAnsi));
  return "\033[" + std::to_string(kAnsi[(color % kColors + kColors) % kColors]) + "m";
}

Canvas::Canvas(int width, int height)
    : width_(width),
      height_(height),
      cells_(static_cast<std::size_t>(width) * static_cast<std::size_t>(height)) {}

Canvas::Cell* Canvas::At(int x, int y) {
  if (x < 0 || y < 0 || x >= dots_across() || y >= dots_up()) return nullptr;
  const int row = height_ - 1 - y / 4;
  return &cells_[static_cast<std::size_t>(row) * static_cast<std::size_t>(width_) +
                 static_cast<std::size_t>(x / 2)];
}

void Canvas::Dot(int x, int y, int color) {
  Cell* cell = At(x, y);
  if (cell == nullptr) return;
  cell->dots = static_cast<std::uint8_t>(cell->dots | kBits[x % 2][3 - y % 4]);
  cell->color = color;
}

// Bresenham 1965.
void Canvas::Stroke(int x0, int y0, int x1, int y1, int color, bool dashed, int* phase) {
  const int dx = std::abs(x1 - x0), dy = -std::abs(y1 - y0);
  const int step_x = x0 < x1 ? 1 : -1, step_y = y0 < y1 ? 1 : -1;
  int error = dx + dy;
  while (true) {
    if (!dashed || *phase % (kDash + kGap) < kDash) Dot(x0, y0, color);
    if (x0 == x1 && y0 == y1) return;
    ++*phase;
    const int twice = 2 * error;
    if (twice >= dy) {
      error += dy;
      x0 += step_x;
    }
    if (twice <= dx) {
      error += dx;
      y0 += step_y;
    }
  }
}

void Canvas::Shade(int column, int low, int high, int color) {
  for (int y = std::max(0, low); y <= std::min(high, dots_up() - 1); ++y) {
    if (Cell* cell = At(2 * column, y)) {
      cell->shaded = true;
      cell->shade_color = color;
    }
  }
}

void Canvas::Sign(int x, int y, const char* sign, int color) {
  if (Cell* cell = At(std::clamp(x, 0, dots_across() - 1), std::clamp(y, 0, dots_up() - 1))) {
    cell->sign = sign;
    cell->color = color;
  }
}

std::string Canvas::Row(int row, bool colors) const {
  std::string out;
  for (int i = 0; i < width_; ++i) {
    const Cell& cell = cells_[static_cast<std::size_t>(row) * static_cast<std::size_t>(width_) +
                              static_cast<std::size_t>(i)];
    const bool drawn = !cell.sign.empty() || cell.dots != 0;
    if (!drawn && !cell.shaded) {
      out += ' ';
      continue;
    }
    const std::string text = !cell.sign.empty() ? cell.sign : cell.dots != 0 ? Braille(cell.dots) : "·";
    out += colors ? ColorEscape(drawn ? cell.color : cell.shade_color) + text + kPlainEscape : text;
  }
  return out;
}

}  // namespace sextant::cli::chart
