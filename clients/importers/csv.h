// SPDX-License-Identifier: Apache-2.0
// Rows of a CSV or TSV file: libcsv behind bounds on row length and columns.
#pragma once

#include <csv.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/importers/byte_source.h"
#include "clients/importers/line_reader.h"

namespace sextant::importers {

struct CsvRow {
  std::vector<std::string> fields;
  std::int64_t line = 0;    ///< where the row starts, 1-based
  std::int64_t offset = 0;  ///< byte offset of that line
  std::string error;        ///< not empty: the row could not be read, and why
  bool ended = true;        ///< false: the source ends within the row, which has as many fields as the first
};

/// Quoted fields may hold delimiters and line ends. Blank lines are skipped. A last row that no line end
/// closes is taken if it has as many fields as the first row, since many writers leave the line end out; with
/// fewer it is an error. Not thread-safe, not movable.
class CsvReader {
 public:
  /// `lines` must outlive the reader.
  CsvReader(LineReader* lines, char delimiter);
  ~CsvReader();
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  /// False at the end. A row with `error` set is to be rejected; reading goes on behind it.
  absl::StatusOr<bool> Next(CsvRow* row);
  /// Goes on at a row start known from CsvRow.
  absl::Status Seek(std::int64_t offset, std::int64_t line);

 private:
  void Reset();
  void Finish(std::string error);
  void CheckLastRow();
  static void OnField(void* data, std::size_t length, void* self);
  static void OnRow(int terminator, void* self);

  LineReader* lines_;
  char delimiter_;
  csv_parser parser_;
  CsvRow current_;
  bool in_row_ = false;
  bool ended_ = false;
  std::size_t row_bytes_ = 0;
  std::size_t excess_fields_ = 0;
  std::size_t columns_ = 0;  // of the first row
  std::deque<CsvRow> ready_;
};

/// The rows of a table behind its header row.
class CsvTable {
 public:
  /// Reads the header. `delimiter` '\0': the one that DetectDelimiter finds in it. `name` is the source's in
  /// messages: INVALID_ARGUMENT for a header that cannot be read. `source` must outlive the table.
  static absl::StatusOr<std::unique_ptr<CsvTable>> Open(ByteSource* source, const std::string& name,
                                                        char delimiter = '\0');

  const std::vector<std::string>& header() const { return header_; }  ///< empty for a source without rows
  absl::StatusOr<bool> Next(CsvRow* row) { return reader_.Next(row); }

 private:
  CsvTable(ByteSource* source, char delimiter);

  LineReader lines_;
  CsvReader reader_;
  std::vector<std::string> header_;
};

/// The error for a file whose header row cannot be read.
absl::Status HeaderError(const std::string& source, const CsvRow& header);

/// The delimiter of a header line: the most frequent of comma, tab and semicolon.
char DetectDelimiter(std::string_view header_line);

/// `header` without the byte order mark that some tools put first.
std::string_view WithoutByteOrderMark(std::string_view text);

}  // namespace sextant::importers
