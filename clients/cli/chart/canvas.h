// SPDX-License-Identifier: Apache-2.0
// A grid of characters whose cells hold 2 x 4 braille dots each, or one sign.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sextant::cli::chart {

class Canvas {
 public:
  Canvas(int width, int height);

  int dots_across() const { return 2 * width_; }
  int dots_up() const { return 4 * height_; }

  /// Dots from 0,0 at the lower left; those outside are left out. The last colour of a cell wins.
  void Dot(int x, int y, int color);
  /// A stroke between two dots; dashed ones have gaps. `*phase` carries the dashes on over several strokes.
  void Stroke(int x0, int y0, int x1, int y1, int color, bool dashed, int* phase);
  /// Shades the cells from `low` to `high` (dots) at cell `column`, under everything else.
  void Shade(int column, int low, int high, int color);
  /// One sign in the cell of a dot, over everything else.
  void Sign(int x, int y, const char* sign, int color);

  /// Row 0 is the top. Without colours no escapes.
  std::string Row(int row, bool colors) const;

 private:
  struct Cell {
    std::uint8_t dots = 0;
    bool shaded = false;
    int color = 0, shade_color = 0;
    std::string sign;
  };
  Cell* At(int x, int y);

  const int width_, height_;
  std::vector<Cell> cells_;
};

/// The escape that sets colour `color` of the palette.
std::string ColorEscape(int color);
inline constexpr char kPlainEscape[] = "\033[0m";

}  // namespace sextant::cli::chart
