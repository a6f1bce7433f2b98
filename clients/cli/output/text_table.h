// SPDX-License-Identifier: Apache-2.0
// Aligned text: the table and markdown outputs.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace sextant::cli {

struct TextColumn {
  std::string title;
  bool right = false;  ///< numbers
  bool name = false;   ///< the title is a name: it keeps its case
};

/// Cells are made harmless and may hold several lines. Widths count characters, not bytes.
class TextTable {
 public:
  explicit TextTable(std::vector<TextColumn> columns) : columns_(std::move(columns)) {}
  void Add(std::vector<std::string> row);
  bool empty() const { return rows_.empty(); }
  /// `bold` marks the header for terminals. With a `width` above 0 no line is longer: text is cut in the
  /// middle, first of the widest columns, and columns that still do not fit are left out, with a line that
  /// says so.
  std::string Render(bool bold, std::size_t width = 0) const;
  std::string RenderMarkdown() const;
  /// Characters of the longest line where nothing is cut.
  std::size_t Width() const;

 private:
  std::vector<std::size_t> Widths() const;
  /// Narrows `widths` to a table of `width`; how many of the columns have room.
  std::size_t Fit(std::size_t width, std::vector<std::size_t>* widths) const;

  std::vector<TextColumn> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// One record as lines of name and value; blank values are left out.
std::string RenderPairs(const std::vector<std::pair<std::string, std::string>>& pairs, bool bold);

/// One line of CSV (or TSV, by delimiter), quoted where it must be, with its line end. Harmless; text that a
/// spreadsheet would take for a formula begins with an apostrophe.
std::string DelimitedLine(const std::vector<std::string>& cells, char delimiter);

/// `text` with controls (but for line ends and tabs), direction marks and bytes that are no UTF-8 as escapes.
std::string Harmless(const std::string& text);

/// Terminal columns that `text` takes, counting every character as one.
std::size_t DisplayWidth(const std::string& text);

}  // namespace sextant::cli
