// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/output/text_table.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <string_view>

#include "base/printable.h"

namespace sextant::cli {
namespace {

constexpr char kBold[] = "\033[1m", kPlain[] = "\033[0m";

std::vector<std::string> SplitLines(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t start = 0;
  while (true) {
    const std::size_t end = text.find('\n', start);
    lines.push_back(text.substr(start, end - start));
    if (end == std::string::npos) return lines;
    start = end + 1;
  }
}

std::string Padded(const std::string& text, std::size_t width, bool right) {
  const std::string pad(width - std::min(width, DisplayWidth(text)), ' ');
  return right ? pad + text : text + pad;
}

// The first `count` characters of `text`, or the last.
std::string Characters(const std::string& text, std::size_t count, bool last) {
  std::size_t at = last ? text.size() : 0;
  while (count-- > 0) {
    do {
      at += last ? std::size_t(-1) : 1;
    } while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  }
  return last ? text.substr(at) : text.substr(0, at);
}

// Ids differ at their ends: the middle goes.
std::string CutMiddle(const std::string& text, std::size_t width) {
  if (DisplayWidth(text) <= width || width == 0) return text;
  const std::size_t kept = width - 1;
  return Characters(text, kept - kept / 2, false) + "…" + Characters(text, kept / 2, true);
}

// What a spreadsheet would compute. Numbers with a sign are none.
bool IsFormula(const std::string& text) {
  if (text.empty() || std::string("=+-@\t\r").find(text[0]) == std::string::npos) return false;
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return end != text.c_str() + text.size();
}

void TrimRight(std::string* text) { text->erase(text->find_last_not_of(' ') + 1); }

std::string Upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

}  // namespace

std::string Harmless(const std::string& text) {
  std::string out;
  std::size_t start = 0;
  for (;;) {
    const std::size_t end = text.find_first_of("\n\t", start);
    out += Printable(std::string_view(text).substr(start, end - start));
    if (end == std::string::npos) return out;
    out += text[end];
    start = end + 1;
  }
}

std::size_t DisplayWidth(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

void TextTable::Add(std::vector<std::string> row) {
  for (std::string& cell : row) cell = Harmless(cell);
  rows_.push_back(std::move(row));
}

std::vector<std::size_t> TextTable::Widths() const {
  std::vector<std::size_t> widths;
  for (const TextColumn& column : columns_) widths.push_back(DisplayWidth(column.title));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      for (const std::string& line : SplitLines(row[i])) widths[i] = std::max(widths[i], DisplayWidth(line));
    }
  }
  return widths;
}

std::size_t TextTable::Width() const {
  const std::vector<std::size_t> widths = Widths();
  return std::accumulate(widths.begin(), widths.end(), 2 * (widths.size() - 1));
}

std::string TextTable::Render(bool bold, std::size_t width) const {
  std::vector<std::size_t> widths = Widths();
  const std::size_t shown = width > 0 ? Fit(width, &widths) : columns_.size();
  std::string out;
  const auto line_of = [&](const auto& cell) {
    std::string line;
    for (std::size_t i = 0; i < shown; ++i) {
      if (i > 0) line += "  ";
      line += Padded(CutMiddle(cell(i), widths[i]), widths[i], columns_[i].right);
    }
    TrimRight(&line);
    return line;
  };
  const std::string header =
      line_of([&](std::size_t i) { return columns_[i].name ? columns_[i].title : Upper(columns_[i].title); });
  out += bold ? kBold + header + kPlain + "\n" : header + "\n";
  for (const auto& row : rows_) {
    std::vector<std::vector<std::string>> cells;
    std::size_t height = 1;
    for (const std::string& cell : row) {
      cells.push_back(SplitLines(cell));
      height = std::max(height, cells.back().size());
    }
    for (std::size_t k = 0; k < height; ++k) {
      out += line_of([&](std::size_t i) { return k < cells[i].size() ? cells[i][k] : std::string(); }) + "\n";
    }
  }
  if (shown < columns_.size()) {
    out += "(" + std::to_string(columns_.size() - shown) +
           " more columns: a wider terminal, --fields or -o csv)\n";
  }
  return out;
}

std::size_t TextTable::Fit(std::size_t width, std::vector<std::size_t>* widths) const {
  constexpr std::size_t kLeastTextWidth = 12;
  const auto total = [&](std::size_t columns) {
    std::size_t sum = columns == 0 ? 0 : 2 * (columns - 1);
    for (std::size_t i = 0; i < columns; ++i) sum += (*widths)[i];
    return sum;
  };
  const std::vector<std::size_t> whole = *widths;
  while (total(columns_.size()) > width) {
    // Numbers stay whole.
    std::size_t widest = columns_.size();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const bool may =
          !columns_[i].right && (*widths)[i] > std::max(kLeastTextWidth, DisplayWidth(columns_[i].title));
      if (may && (widest == columns_.size() || (*widths)[i] > (*widths)[widest])) widest = i;
    }
    if (widest == columns_.size()) break;
    --(*widths)[widest];
  }
  std::size_t shown = columns_.size();
  while (shown > 1 && total(shown) > width) --shown;
  if (shown == columns_.size()) return shown;
  // With columns gone there is room again for the text of the others.
  for (std::size_t i = 0; i < shown; ++i) {
    (*widths)[i] += std::min(whole[i] - (*widths)[i], width - std::min(width, total(shown)));
  }
  return shown;
}

std::string TextTable::RenderMarkdown() const {
  const auto escape = [](const std::string& text) {
    std::string out;
    for (const char c : text) {
      if (c == '|') {
        out += "\\|";
      } else if (c == '\n') {
        out += "<br>";
      } else {
        out += c;
      }
    }
    return out;
  };
  std::string out = "|", rule = "|";
  for (const TextColumn& column : columns_) {
    out += " " + column.title + " |";
    rule += column.right ? " ---: |" : " --- |";
  }
  out += "\n" + rule + "\n";
  for (const auto& row : rows_) {
    out += "|";
    for (const std::string& cell : row) out += " " + escape(cell) + " |";
    out += "\n";
  }
  return out;
}

std::string RenderPairs(const std::vector<std::pair<std::string, std::string>>& pairs, bool bold) {
  std::size_t width = 0;
  for (const auto& [name, value] : pairs) {
    if (!value.empty()) width = std::max(width, DisplayWidth(name));
  }
  std::string out;
  for (const auto& [name, value] : pairs) {
    if (value.empty()) continue;
    const std::vector<std::string> lines = SplitLines(Harmless(value));
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::string label = Padded(i == 0 ? name : "", width, false);
      out += (bold ? kBold + label + kPlain : label) + "  " + lines[i] + "\n";
    }
  }
  return out;
}

std::string DelimitedLine(const std::vector<std::string>& cells, char delimiter) {
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += delimiter;
    const std::string cell = (IsFormula(cells[i]) ? "'" : "") + Harmless(cells[i]);
    if (cell.find_first_of(std::string("\"\r\n") + delimiter) == std::string::npos) {
      out += cell;
      continue;
    }
    out += '"';
    for (const char c : cell) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    out += '"';
  }
  return out + "\n";
}

}  // namespace sextant::cli
