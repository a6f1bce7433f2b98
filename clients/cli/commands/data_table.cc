// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/data_table.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>

#include "base/edit_distance.h"
#include "base/status_macros.h"
#include "clients/importers/byte_source.h"
#include "clients/importers/csv.h"
#include "clients/importers/limits.h"
#include "clients/importers/text.h"

namespace sextant::cli {
namespace {

// What one request carries: the service takes 64 columns of 100 000 rows, and 4 MiB.
constexpr std::size_t kMostRows = 100'000, kMostColumns = 64;

struct Cells {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> columns;
};

absl::StatusOr<Cells> ReadCells(const std::string& path) {
  ASSIGN_OR_RETURN(auto source, importers::ByteSource::Open(path));
  ASSIGN_OR_RETURN(auto head, source->Head());
  const std::string name = source->name();
  const std::string_view first_line = importers::WithoutByteOrderMark(head.substr(0, head.find('\n')));
  const char delimiter = importers::DetectDelimiter(first_line);
  importers::LineReader lines(source.get(), importers::kMaxCsvLineBytes);
  importers::CsvReader reader(&lines, delimiter);
  importers::CsvRow row;
  ASSIGN_OR_RETURN(const bool any, reader.Next(&row));
  if (!any || !row.error.empty()) return absl::InvalidArgumentError(name + " has no header line");
  Cells cells;
  row.fields[0] = std::string(importers::WithoutByteOrderMark(row.fields[0]));
  for (const std::string& field : row.fields) cells.header.emplace_back(importers::Trim(field));
  cells.columns.resize(cells.header.size());
  while (true) {
    ASSIGN_OR_RETURN(const bool more, reader.Next(&row));
    if (!more) break;
    const std::string where = name + ", line " + std::to_string(row.line) + ": ";
    if (!row.error.empty()) return absl::InvalidArgumentError(where + row.error);
    if (row.fields.size() > cells.header.size()) {
      return absl::InvalidArgumentError(where + "the row has " + std::to_string(row.fields.size()) +
                                        " fields, the header " + std::to_string(cells.header.size()));
    }
    if (cells.columns[0].size() == kMostRows) {
      return absl::InvalidArgumentError(name + " has more than " + std::to_string(kMostRows) + " rows");
    }
    row.fields.resize(cells.header.size());
    for (std::size_t i = 0; i < row.fields.size(); ++i)
      cells.columns[i].emplace_back(importers::Trim(row.fields[i]));
  }
  if (cells.columns[0].empty()) return absl::InvalidArgumentError(name + " has no rows below its header");
  return cells;
}

void AddColumn(const std::string& name, const std::vector<std::string>& cells, v1::DataTable* table) {
  v1::DataColumn& column = *table->add_columns();
  column.set_name(name);
  for (const std::string& cell : cells) {
    const auto number =
        cell.empty() ? std::numeric_limits<double>::quiet_NaN() : importers::ParseDouble(cell);
    if (!number) {
      column.clear_values();
      column.mutable_texts()->Add(cells.begin(), cells.end());
      return;
    }
    column.add_values(*number);
  }
}

}  // namespace

int ReadDataTable(const Session& session, const std::string& path, const std::vector<std::string>& wanted,
                  v1::DataTable* table) {
  const auto cells = ReadCells(path);
  if (!cells.ok()) return session.Fail(FromLocal(cells.status()));
  std::set<std::string> left(wanted.begin(), wanted.end());
  for (std::size_t i = 0; i < cells->header.size(); ++i) {
    const bool take = wanted.empty() || left.erase(cells->header[i]) > 0;
    if (!take || cells->header[i].empty()) continue;
    if (static_cast<std::size_t>(table->columns_size()) == kMostColumns) {
      return session.FailUsage(Safe(path) + " has more than " + std::to_string(kMostColumns) +
                               " columns: --map names those that are wanted");
    }
    AddColumn(cells->header[i], cells->columns[i], table);
  }
  if (!left.empty()) {
    const std::string nearest = Nearest(*left.begin(), cells->header);
    return session.FailUsage(Safe(path) + " has no column '" + Safe(*left.begin()) + "'" +
                             (nearest.empty() ? "" : "; did you mean '" + Safe(nearest) + "'?"));
  }
  table->set_source(std::filesystem::path(path).filename().string());
  return kExitOk;
}

}  // namespace sextant::cli
