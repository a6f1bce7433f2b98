// SPDX-License-Identifier: Apache-2.0
// What detection sees of a file: its beginning, pieces of its middle and its end.
#pragma once

#include <rapidjson/document.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "clients/importers/format.h"

namespace sextant::importers {

class ByteSource;

/// The parts of one file that formats are told by. What is asked for often is worked out once. Not
/// thread-safe.
class Sample {
 public:
  /// Takes the head of `source`, and, where the file is larger and can be read at any place, pieces of its
  /// middle and end. Consumes nothing. `mapped`: the user maps columns, so that a table is one of runs.
  static absl::StatusOr<Sample> Take(ByteSource* source, bool mapped);
  /// Of bytes that are all there is.
  explicit Sample(std::string_view bytes, bool mapped = false) : Sample("", std::string(bytes), {}, mapped) {}

  bool mapped() const { return mapped_; }
  /// The first bytes, up to kHeadBytes.
  std::string_view head() const { return head_; }
  bool BeginsWith(std::string_view magic) const { return head().substr(0, magic.size()) == magic; }
  /// The head as text without white space at its ends; empty if the file is not text.
  std::string_view text() const;
  /// The first line of the text.
  std::string_view first_line() const;
  /// The first line as a JSON object, or null. A document of several lines is one, and so is the first member
  /// of an array, if the head holds it whole.
  const rapidjson::Value* object() const;
  /// Whether the first line, or the document, has that key of an object; also where the head cuts it.
  bool HasKey(std::string_view key) const;
  /// Whether the text begins as a JSON object or an array of them.
  bool looks_like_json() const;
  /// The cells of the first line, which is the header if the file is a table; empty if it is none.
  const std::vector<std::string>& header() const;
  bool HasColumn(std::string_view name) const;
  /// Whether the file is a SQLite database that has all these tables.
  bool HasTables(std::initializer_list<const char*> tables) const;
  /// Whether that table of it has all these columns.
  bool HasTableColumns(const char* table, std::initializer_list<const char*> columns) const;

  /// How many whole lines of the text pieces `is_line` knows.
  int CountLines(const std::function<bool(std::string_view line)>& is_line) const;
  /// What the file is if it may quote lines of a log without being one: "a script", …; or null.
  const char* quoter() const;

 private:
  Sample(std::string path, std::string head, std::vector<std::string> pieces, bool mapped);

  std::string path_, head_;
  std::vector<std::string> pieces_;
  bool mapped_;
  mutable std::unique_ptr<rapidjson::Document> document_;
  mutable std::unique_ptr<std::vector<std::string>> header_;
  mutable std::unique_ptr<std::set<std::string>> tables_;
};

/// For text logs: sure in the measure of how many lines `is_line` knows, unlikely in a script or in notes.
Match MatchLines(const Sample& sample, const std::function<bool(std::string_view line)>& is_line);

}  // namespace sextant::importers
