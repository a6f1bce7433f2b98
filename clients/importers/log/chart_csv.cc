#include <map>
#include <memory>

#include "clients/importers/csv.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/log/readers.h"

namespace sextant::importers {
namespace {

struct Column {
  std::size_t value, low, high;  // low, high: of the __MIN and __MAX columns, or equal to value
  std::string run, metric;
};

std::vector<Column> Columns(const std::vector<std::string>& header) {
  std::map<std::string, std::size_t> at;
  for (std::size_t i = 0; i < header.size(); ++i) at.emplace(header[i], i);
  std::vector<Column> columns;
  for (std::size_t i = 1; i < header.size(); ++i) {
    const std::string& name = header[i];
    const std::size_t dash = name.rfind(" - ");
    const bool bound = name.size() > 5 && (name.compare(name.size() - 5, 5, "__MIN") == 0 ||
                                           name.compare(name.size() - 5, 5, "__MAX") == 0);
    if (bound || dash == std::string::npos || dash == 0) continue;
    const auto low = at.find(name + "__MIN"), high = at.find(name + "__MAX");
    columns.push_back({i, low == at.end() ? i : low->second, high == at.end() ? i : high->second,
                       name.substr(0, dash), name.substr(dash + 3)});
  }
  return columns;
}

}  // namespace

absl::Status ReadChartCsv(ByteSource* source, Emitter& emitter) {
  LineReader lines(source, kMaxCsvLineBytes);
  CsvReader csv(&lines, ',');
  CsvRow row;
  const auto first = csv.Next(&row);
  if (!first.ok()) return first.status();
  const std::vector<Column> columns = *first ? Columns(row.fields) : std::vector<Column>();
  if (columns.empty()) {
    return absl::InvalidArgumentError(emitter.source() + " has no columns named 'RUN - METRIC'");
  }
  std::map<std::string, std::unique_ptr<LogRun>> runs;
  for (const Column& column : columns) {
    std::unique_ptr<LogRun>& log = runs[column.run];
    if (log) continue;
    if (runs.size() > kMaxRunsPerLog)
      return absl::InvalidArgumentError(emitter.source() + " holds too many runs");
    log = std::make_unique<LogRun>(emitter);
    SetRunId(column.run, &log->run());
  }
  while (true) {
    const auto read = csv.Next(&row);
    if (!read.ok()) return read.status();
    if (!*read) break;
    const auto step = row.error.empty() && !row.fields.empty() ? ParseDouble(row.fields[0]) : std::nullopt;
    if (!step || !(*step >= 0 && *step <= 9e15)) {
      emitter.Reject(row.line, row.error.empty() ? "the first column is not a step from 0" : row.error);
      continue;
    }
    for (const Column& column : columns) {
      if (column.value >= row.fields.size()) continue;
      const auto value = ParseDouble(row.fields[column.value]);
      if (!value) continue;
      LogRun& log = *runs[column.run];
      log.AddPoint(column.metric, static_cast<std::int64_t>(*step), *value);
      const bool bounds = column.low < row.fields.size() && column.high < row.fields.size();
      // Where the bounds differ, the export has put several points, or several runs, into one.
      if (bounds && row.fields[column.low] != row.fields[column.high]) log.AddLabel("lossy-export");
    }
  }
  for (auto& [name, log] : runs) {
    if (absl::Status emitted = log->Emit(emitter, 1); !emitted.ok()) return emitted;
  }
  return absl::OkStatus();
}

}  // namespace sextant::importers
