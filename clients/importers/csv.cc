// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/csv.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/limits.h"

namespace sextant::importers {
namespace {

constexpr int kRowNotBegun = 0;  // libcsv's parser state between rows

}  // namespace

CsvReader::CsvReader(LineReader* lines, char delimiter) : lines_(lines), delimiter_(delimiter) {
  csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI);
  csv_set_delim(&parser_, static_cast<unsigned char>(delimiter));
}

CsvReader::~CsvReader() { csv_free(&parser_); }

void CsvReader::Reset() {
  csv_free(&parser_);
  csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI);
  csv_set_delim(&parser_, static_cast<unsigned char>(delimiter_));
  in_row_ = false;
  row_bytes_ = excess_fields_ = 0;
}

void CsvReader::Finish(std::string error) {
  current_.error = std::move(error);
  ready_.push_back(std::move(current_));
  current_ = CsvRow();
}

void CsvReader::CheckLastRow() {
  CsvRow& row = ready_.back();
  row.ended = false;
  if (row.error.empty() && row.fields.size() < columns_) {
    row.error = absl::StrCat("the input ends within this row, after ", row.fields.size(), " of ", columns_,
                             " fields: half written?");
  }
}

void CsvReader::OnField(void* data, std::size_t length, void* self) {
  auto* reader = static_cast<CsvReader*>(self);
  if (reader->current_.fields.size() < kMaxColumns) {
    reader->current_.fields.emplace_back(static_cast<const char*>(data), length);
  } else {
    ++reader->excess_fields_;
  }
}

void CsvReader::OnRow(int, void* self) {
  auto* reader = static_cast<CsvReader*>(self);
  const std::int64_t line = reader->current_.line, offset = reader->current_.offset;
  std::string error;
  if (reader->excess_fields_ > 0) error = absl::StrCat("more than ", kMaxColumns, " columns");
  reader->excess_fields_ = 0;
  reader->Finish(std::move(error));
  // Bare carriage returns end rows too, so that a line may hold several.
  reader->current_.line = line;
  reader->current_.offset = offset;
}

absl::StatusOr<bool> CsvReader::Next(CsvRow* row) {
  while (ready_.empty() && !ended_) {
    std::string_view line;
    const auto read = lines_->Next(&line);
    if (!read.ok()) return read.status();
    if (!in_row_) {
      current_ = CsvRow();
      current_.line = lines_->line_number();
      current_.offset = lines_->line_offset();
      row_bytes_ = 0;
    }
    if (*read == LineReader::Result::kEnd) {
      ended_ = true;
      if (csv_fini(&parser_, &OnField, &OnRow, this) != 0) {
        Finish(absl::StrCat("a quote opens in this row and is never closed; nothing after it was read"));
      }
      break;
    }
    if (lines_->line_number() == 1) line = WithoutByteOrderMark(line);
    row_bytes_ += line.size() + 1;
    if (*read == LineReader::Result::kTooLong || row_bytes_ > kMaxCsvLineBytes) {
      Finish(*read == LineReader::Result::kTooLong
                 ? absl::StrCat("the line is longer than ", kMaxCsvLineBytes, " bytes")
                 : absl::StrCat("the row does not end within ", kMaxCsvLineBytes,
                                " bytes: an unclosed quote? Lines up to ", lines_->line_number(),
                                " were not read"));
      Reset();
      continue;
    }
    const bool parsed =
        csv_parse(&parser_, line.data(), line.size(), &OnField, &OnRow, this) == line.size() &&
        csv_parse(&parser_, "\n", 1, &OnField, &OnRow, this) == 1;
    if (!parsed) {
      Finish("a quote stands inside an unquoted field, or text follows a closing quote");
      Reset();
    }
    in_row_ = parser_.pstate != kRowNotBegun;
    if (!lines_->ended() && !in_row_ && !ready_.empty()) CheckLastRow();
  }
  if (ready_.empty()) return false;
  if (columns_ == 0) columns_ = ready_.front().fields.size();
  *row = std::move(ready_.front());
  ready_.pop_front();
  return true;
}

absl::Status CsvReader::Seek(std::int64_t offset, std::int64_t line) {
  Reset();
  ready_.clear();
  ended_ = false;
  return lines_->Seek(offset, line);
}

CsvTable::CsvTable(ByteSource* source, char delimiter)
    : lines_(source, kMaxCsvLineBytes), reader_(&lines_, delimiter) {}

absl::StatusOr<std::unique_ptr<CsvTable>> CsvTable::Open(ByteSource* source, const std::string& name,
                                                         char delimiter) {
  if (delimiter == '\0') {
    const auto head = source->Head();
    if (!head.ok()) return head.status();
    delimiter = DetectDelimiter(head->substr(0, head->find('\n')));
  }
  std::unique_ptr<CsvTable> table(new CsvTable(source, delimiter));
  CsvRow row;
  const auto first = table->Next(&row);
  if (!first.ok()) return first.status();
  if (!row.error.empty()) return HeaderError(name, row);
  table->header_ = std::move(row.fields);
  return table;
}

absl::Status HeaderError(const std::string& source, const CsvRow& header) {
  return absl::InvalidArgumentError(absl::StrCat(source, ":", header.line, ": ", header.error));
}

char DetectDelimiter(std::string_view header_line) {
  const auto count = [&](char c) { return std::count(header_line.begin(), header_line.end(), c); };
  char best = ',';
  for (const char candidate : {'\t', ';'}) {
    if (count(candidate) > count(best)) best = candidate;
  }
  return best;
}

std::string_view WithoutByteOrderMark(std::string_view text) {
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  return text;
}

}  // namespace sextant::importers
