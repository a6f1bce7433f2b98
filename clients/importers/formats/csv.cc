// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/csv.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/emit.h"
#include "clients/importers/fields.h"
#include "clients/importers/format.h"
#include "clients/importers/limits.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

// What is wrong with the row, or empty.
std::string ReadRow(const CsvRow& row, const BoundMapping& mapping, std::size_t columns, ImportedRun* run) {
  if (!row.error.empty()) return row.error;
  if (row.fields.size() > columns) {
    return absl::StrCat("the row has ", row.fields.size(), " fields, the header ", columns);
  }
  std::string wrong;
  for (const BoundColumn& bound : mapping.columns) {
    const std::string* cell = bound.column < row.fields.size() ? &row.fields[bound.column] : nullptr;
    const bool blank = cell == nullptr || cell->empty();
    if (blank && !mapping.explicit_map) continue;
    const std::string reason = SetField(bound.field, blank ? std::string() : *cell, run);
    if (!reason.empty()) absl::StrAppend(&wrong, wrong.empty() ? "" : "; ", reason);
  }
  return wrong;
}

absl::Status ReadRunCsv(ByteSource* source, Emitter& emitter) {
  const auto head = source->Head();
  if (!head.ok()) return head.status();
  const char delimiter = DetectDelimiter(head->substr(0, head->find('\n')));
  LineReader lines(source, kMaxCsvLineBytes);
  CsvReader csv(&lines, delimiter);
  CsvRow header;
  const auto first = csv.Next(&header);
  if (!first.ok()) return first.status();
  if (!*first) return absl::InvalidArgumentError(absl::StrCat(emitter.source(), " is empty"));
  if (!header.error.empty()) return HeaderError(emitter.source(), header);
  const auto mapping = BindMapping(emitter.options().map, header.fields, emitter.Prototype(),
                                   emitter.source(), emitter.options().variables);
  if (!mapping.ok()) return mapping.status();
  for (const std::string& renamed : mapping->renamed) emitter.Note(absl::StrCat("taking column ", renamed));
  if (!mapping->advice.empty()) emitter.Note(mapping->advice);
  CsvRow row;
  while (true) {
    const auto read = csv.Next(&row);
    if (!read.ok()) return read.status();
    if (!*read) return absl::OkStatus();
    ImportedRun run = emitter.Prototype();
    const std::string wrong = ReadRow(row, *mapping, header.fields.size(), &run);
    if (absl::Status emitted = emitter.Emit(std::move(run), row.line, wrong); !emitted.ok()) return emitted;
  }
}

// A table of runs has at least two of these columns; any other table could be anything.
Match Detect(const Sample& sample) {
  if (sample.header().empty()) return {};
  if (sample.mapped()) return {100, "a table with mapped columns"};
  const auto has = [&](const char* name) { return sample.HasColumn(name) ? 1 : 0; };
  const bool params = std::any_of(sample.header().begin(), sample.header().end(),
                                  [](const std::string& name) { return name.rfind("params_", 0) == 0; });
  const int marks = (params ? 1 : 0) + has("tokens") + has("run_id") + 2 * has("Name") * has("State") +
                    (has("loss") + has("loss_nats") + has("val_loss") > 0 ? 1 : 0);
  // A step column in a table without parameter counts tells of rows that are points.
  if (marks >= 2) return {params ? 85 : 60, "a header with columns of runs"};
  return {params ? 40 : 30, "a header with columns"};
}

}  // namespace

SEXTANT_LOG_FORMAT(csv){.name = "csv", .about = "one run a row", .detect = &Detect, .read = &ReadRunCsv};

}  // namespace sextant::importers
