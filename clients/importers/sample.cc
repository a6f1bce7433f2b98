// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/sample.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/byte_source.h"
#include "clients/importers/csv.h"
#include "clients/importers/database/foreign_database.h"
#include "clients/importers/json.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

constexpr std::string_view kSqliteMagic("SQLite format 3\0", 16);

// Calls each(line) for the lines of a piece; the ends of a piece cut lines, which are left out on demand.
template <class Each>
void ForEachWholeLine(std::string_view piece, bool starts_whole, const Each& each) {
  if (!starts_whole) piece.remove_prefix(std::min(piece.find('\n'), piece.size()));
  while (!piece.empty()) {
    const std::size_t end = std::min(piece.find('\n'), piece.size());
    each(Trim(piece.substr(0, end)));
    piece.remove_prefix(std::min(end + 1, piece.size()));
  }
}

}  // namespace

Sample::Sample(std::string path, std::string head, std::vector<std::string> pieces, bool mapped)
    : path_(std::move(path)), head_(std::move(head)), pieces_(std::move(pieces)), mapped_(mapped) {}

absl::StatusOr<Sample> Sample::Take(ByteSource* source, bool mapped) {
  const auto head = source->Head();
  if (!head.ok()) return head.status();
  auto pieces = source->Pieces();
  if (!pieces.ok()) return pieces.status();
  return Sample(source->path(), std::string(*head), *std::move(pieces), mapped);
}

std::string_view Sample::text() const {
  const std::string_view text = Trim(WithoutByteOrderMark(head_));
  return text.find('\0') == std::string_view::npos ? text : std::string_view();
}

std::string_view Sample::first_line() const { return Trim(text().substr(0, text().find('\n'))); }

bool Sample::looks_like_json() const {
  const std::string_view begin = text();
  if (begin.empty()) return false;
  return begin.front() == '{' || (begin.front() == '[' && Trim(begin.substr(1)).substr(0, 1) == "{");
}

const rapidjson::Value* Sample::object() const {
  if (!document_) {
    document_ = std::make_unique<rapidjson::Document>();
    const bool line = looks_like_json() && ParseJson(first_line(), document_.get()).empty();
    if (!line && !(looks_like_json() && ParseJson(text(), document_.get()).empty())) document_->SetNull();
  }
  if (document_->IsArray() && !document_->Empty() && (*document_)[0].IsObject()) return &(*document_)[0];
  return document_->IsObject() ? document_.get() : nullptr;
}

bool Sample::HasKey(std::string_view key) const {
  if (!looks_like_json()) return false;
  if (const rapidjson::Value* whole = object()) return FindMember(*whole, key) != nullptr;
  // A line too long for the head, or a document: keys are looked for as text.
  const bool document = text().front() == '[' || first_line() == "{";
  const std::string_view where = document ? text() : first_line();
  return where.find("\"" + std::string(key) + "\"") != std::string_view::npos;
}

const std::vector<std::string>& Sample::header() const {
  if (header_) return *header_;
  header_ = std::make_unique<std::vector<std::string>>();
  std::string_view line = first_line();
  if (line.find_first_of(",;\t") == std::string_view::npos || looks_like_json()) return *header_;
  const char delimiter = DetectDelimiter(line);
  while (true) {
    const std::size_t end = std::min(line.find(delimiter), line.size());
    std::string_view cell = Trim(line.substr(0, end));
    if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') cell = cell.substr(1, cell.size() - 2);
    header_->emplace_back(cell);
    if (end == line.size()) break;
    line.remove_prefix(end + 1);
  }
  return *header_;
}

bool Sample::HasColumn(std::string_view name) const {
  return std::find(header().begin(), header().end(), name) != header().end();
}

bool Sample::HasTables(std::initializer_list<const char*> tables) const {
  if (!BeginsWith(kSqliteMagic)) return false;
  if (!tables_) {
    tables_ = std::make_unique<std::set<std::string>>();
    if (const auto database = ForeignDatabase::Open(path_); database.ok()) {
      constexpr std::size_t kMaxTables = 1000;
      // A damaged database has no tables that we know; the message of no format says so.
      (void)(*database)->Query("SELECT name FROM sqlite_master WHERE type = 'table'",
                               [&](const DatabaseRow& row) {
                                 tables_->emplace(row.Text(0));
                                 return tables_->size() < kMaxTables;
                               });
    }
  }
  return std::all_of(tables.begin(), tables.end(),
                     [&](const char* table) { return tables_->count(table) > 0; });
}

bool Sample::HasTableColumns(const char* table, std::initializer_list<const char*> columns) const {
  if (!BeginsWith(kSqliteMagic)) return false;
  const auto database = ForeignDatabase::Open(path_);
  return database.ok() && std::all_of(columns.begin(), columns.end(), [&](const char* column) {
           return (*database)->HasColumn(table, column);
         });
}

int Sample::CountLines(const std::function<bool(std::string_view line)>& is_line) const {
  if (text().empty()) return 0;
  int count = 0;
  const auto look = [&](std::string_view line) { count += is_line(line) ? 1 : 0; };
  ForEachWholeLine(text(), true, look);
  for (const std::string& piece : pieces_) ForEachWholeLine(piece, false, look);
  return count;
}

const char* Sample::quoter() const {
  if (text().substr(0, 2) == "#!") return "a script";  // its comments quote what it printed once
  const auto fence = [](std::string_view line) { return line.substr(0, 3) == "```"; };
  // Generated text in a log may hold fences too; a heading comes first in notes alone.
  const bool heading = text().substr(0, 2) == "# " || text().substr(0, 3) == "## ";
  if (heading && CountLines(fence) >= 2) return "a page of notes";
  return nullptr;
}

Match MatchLines(const Sample& sample, const std::function<bool(std::string_view line)>& is_line) {
  if (sample.looks_like_json()) return {};
  const int count = sample.CountLines(is_line);
  if (count == 0) return {};
  if (const char* quoter = sample.quoter())
    return {kPossiblePercent - 5, absl::StrCat("it is ", quoter, " that quotes such a log")};
  // One line of a shape so particular is no accident; more of them leave no doubt.
  const int percent = count >= 3 ? 95 : count == 2 ? 85 : 70;
  return {percent,
          absl::StrCat(count, count == 1 ? " line" : " lines", " of what was looked at are such a log's")};
}

}  // namespace sextant::importers
