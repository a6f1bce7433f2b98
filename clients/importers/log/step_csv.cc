#include "clients/importers/csv.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/log/readers.h"

namespace sextant::importers {
namespace {

std::optional<std::size_t> ColumnOf(const std::vector<std::string>& header,
                                    std::initializer_list<const char*> names) {
  for (const char* name : names) {
    for (std::size_t i = 0; i < header.size(); ++i) {
      if (header[i] == name) return i;
    }
  }
  return std::nullopt;
}

}  // namespace

absl::Status ReadStepCsv(ByteSource* source, Emitter& emitter) {
  const auto head = source->Head();
  if (!head.ok()) return head.status();
  LineReader lines(source, kMaxCsvLineBytes);
  CsvReader csv(&lines, DetectDelimiter(head->substr(0, head->find('\n'))));
  CsvRow header;
  const auto first = csv.Next(&header);
  if (!first.ok()) return first.status();
  if (!header.error.empty()) return HeaderError(emitter.source(), header);
  const auto step_column =
      *first ? ColumnOf(header.fields, {"_step", "step", "Step", "global_step", "iteration"}) : std::nullopt;
  if (!step_column) return absl::InvalidArgumentError(emitter.source() + " has no step column");
  LogRun log(emitter);
  // Constant columns of an export are settings: the last value stands.
  std::vector<std::string> last(header.fields.size());
  CsvRow row;
  while (true) {
    const auto read = csv.Next(&row);
    if (!read.ok()) return read.status();
    if (!*read) break;
    const auto step = row.error.empty() && *step_column < row.fields.size()
                          ? StepOf(ParseDouble(row.fields[*step_column]))
                          : std::nullopt;
    if (!step) {
      emitter.Reject(row.line, row.error.empty() ? "step is not a number from 0" : row.error);
      continue;
    }
    if (!row.ended) {
      emitter.Note(
          absl::StrCat("line ", row.line,
                       ", the last, does not end in a newline: taken as whole, since it has all fields"));
    }
    for (std::size_t i = 0; i < row.fields.size() && i < header.fields.size(); ++i) {
      const auto value = i == *step_column ? std::nullopt : ParseDouble(row.fields[i]);
      if (!value) continue;
      log.AddPoint(header.fields[i], *step, *value);
      last[i] = row.fields[i];
    }
  }
  for (std::size_t i = 0; i < last.size(); ++i) {
    if (!last[i].empty()) log.SetConfig(header.fields[i], last[i]);
  }
  NameByPath(emitter, &log.run());
  return log.Emit(emitter, 1);
}

}  // namespace sextant::importers
