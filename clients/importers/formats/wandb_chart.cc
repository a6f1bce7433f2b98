// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <memory>

#include "clients/importers/csv.h"
#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

struct Column {
  std::size_t value, low, high;  // low, high: of the __MIN and __MAX columns, or equal to value
  std::string run, metric;
};

// Where the run's name ends in "RUN - METRIC", both of which may hold " - ": where the user's own rule for a
// metric with a dash says, else at the last one.
std::size_t SplitAt(const std::string& name, const std::vector<MetricRule>& rules) {
  constexpr const char* kDash = " - ";
  for (std::size_t dash = name.find(kDash); dash != std::string::npos; dash = name.find(kDash, dash + 1)) {
    for (const MetricRule& rule : rules) {
      if (rule.glob.find(kDash) != std::string::npos && GlobMatches(rule.glob, name.substr(dash + 3)))
        return dash;
    }
  }
  return name.rfind(kDash);
}

bool IsStepAxis(const std::string& name) {
  const std::string lower = ToLower(name);
  return lower.find("step") != std::string::npos || lower.find("iter") != std::string::npos;
}

std::vector<Column> Columns(const std::vector<std::string>& header, const std::vector<MetricRule>& rules) {
  std::map<std::string, std::size_t> at;
  for (std::size_t i = 0; i < header.size(); ++i) at.emplace(header[i], i);
  std::vector<Column> columns;
  for (std::size_t i = 1; i < header.size(); ++i) {
    const std::string& name = header[i];
    const std::size_t dash = SplitAt(name, rules);
    const bool bound = name.size() > 5 && (name.compare(name.size() - 5, 5, "__MIN") == 0 ||
                                           name.compare(name.size() - 5, 5, "__MAX") == 0);
    if (bound || dash == std::string::npos || dash == 0) continue;
    const auto low = at.find(name + "__MIN"), high = at.find(name + "__MAX");
    columns.push_back({i, low == at.end() ? i : low->second, high == at.end() ? i : high->second,
                       name.substr(0, dash), name.substr(dash + 3)});
  }
  return columns;
}

absl::Status ReadChartCsv(ByteSource* source, Emitter& emitter) {
  auto table = CsvTable::Open(source, emitter.source(), ',');
  if (!table.ok()) return table.status();
  const std::vector<std::string>& header = (*table)->header();
  const std::vector<Column> columns = Columns(header, emitter.options().metrics);
  if (columns.empty()) {
    return absl::InvalidArgumentError(emitter.source() + " has no columns named 'RUN - METRIC'");
  }
  if (!IsStepAxis(header[0])) {
    return absl::InvalidArgumentError(
        absl::StrCat(emitter.source(), " is over ", Quoted(header[0]),
                     ", not over steps: set the chart's x axis to Step and export again"));
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
  CsvRow row;
  while (true) {
    const auto read = (*table)->Next(&row);
    if (!read.ok()) return read.status();
    if (!*read) break;
    const auto step =
        row.error.empty() && !row.fields.empty() ? StepOf(ParseDouble(row.fields[0])) : std::nullopt;
    if (!step) {
      emitter.Reject(row.line, row.error.empty() ? "the first column is not a step from 0" : row.error);
      continue;
    }
    for (const Column& column : columns) {
      if (column.value >= row.fields.size()) continue;
      const auto value = ParseDouble(row.fields[column.value]);
      if (!value) continue;
      LogRun& log = *runs[column.run];
      log.AddPoint(column.metric, *step, *value);
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

Match Detect(const Sample& sample) {
  if (sample.mapped()) return {};
  const bool chart = std::any_of(sample.header().begin(), sample.header().end(), [](const std::string& name) {
    return name.size() > 5 && name.compare(name.size() - 5, 5, "__MIN") == 0;
  });
  if (!chart) return {};
  return {95, "a header with __MIN and __MAX columns"};
}

}  // namespace

SEXTANT_LOG_FORMAT(wandb_chart){
    .name = "wandb-chart", .about = "W&B's chart export", .detect = &Detect, .read = &ReadChartCsv};

}  // namespace sextant::importers
