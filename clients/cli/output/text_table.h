// Aligned text: the table and markdown outputs.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace sextant::cli {

struct TextColumn {
  std::string title;
  bool right = false;  ///< numbers
};

/// Cells may hold several lines. Widths count characters, not bytes.
class TextTable {
 public:
  explicit TextTable(std::vector<TextColumn> columns) : columns_(std::move(columns)) {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  /// `bold` marks the header for terminals.
  std::string Render(bool bold) const;
  std::string RenderMarkdown() const;

 private:
  std::vector<TextColumn> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// One record as lines of name and value; blank values are left out.
std::string RenderPairs(const std::vector<std::pair<std::string, std::string>>& pairs, bool bold);

/// One line of CSV (or TSV, by delimiter), quoted where it must be, with its line end.
std::string DelimitedLine(const std::vector<std::string>& cells, char delimiter);

/// Terminal columns that `text` takes, counting every character as one.
std::size_t DisplayWidth(const std::string& text);

}  // namespace sextant::cli
