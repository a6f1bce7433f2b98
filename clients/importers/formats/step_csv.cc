// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "clients/importers/csv.h"
#include "clients/importers/emit.h"
#include "clients/importers/folder_claims.h"
#include "clients/importers/format.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/sample.h"

namespace sextant::importers {
namespace {

constexpr const char* kStepColumns[] = {"_step", "step", "Step", "global_step", "iteration"};

std::optional<std::size_t> StepColumn(const std::vector<std::string>& header) {
  for (const char* name : kStepColumns) {
    for (std::size_t i = 0; i < header.size(); ++i) {
      if (header[i] == name) return i;
    }
  }
  return std::nullopt;
}

absl::Status ReadStepCsv(ByteSource* source, Emitter& emitter) {
  auto table = CsvTable::Open(source, emitter.source());
  if (!table.ok()) return table.status();
  const std::vector<std::string>& header = (*table)->header();
  const auto step_column = StepColumn(header);
  if (!step_column) return absl::InvalidArgumentError(emitter.source() + " has no step column");
  LogRun log(emitter);
  // Columns that hold one value all along are settings of an export.
  std::vector<std::string> constant(header.size());
  std::vector<bool> varies(header.size());
  CsvRow row;
  while (true) {
    const auto read = (*table)->Next(&row);
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
    for (std::size_t i = 0; i < row.fields.size() && i < header.size(); ++i) {
      const auto value = i == *step_column ? std::nullopt : ParseDouble(row.fields[i]);
      if (!value) continue;
      log.AddPoint(header[i], *step, *value);
      if (constant[i].empty()) constant[i] = row.fields[i];
      if (constant[i] != row.fields[i]) varies[i] = true;
    }
    ++emitter.report().lines;
    ++emitter.report().lines_understood;
  }
  for (std::size_t i = 0; i < constant.size(); ++i) {
    if (!constant[i].empty() && !varies[i]) log.SetConfigIfNew(header[i], constant[i]);
  }
  NameByPath(emitter, &log.run());
  return log.Emit(emitter, 1);
}

Match Detect(const Sample& sample) {
  if (sample.mapped()) return {};
  for (const char* name : kStepColumns) {
    if (sample.HasColumn(name)) return {80, "a header with a step column"};
  }
  return {};
}

// Lightning's settings stand next to its table.
void Claim(FolderClaims& folder) {
  FolderListing& listing = folder.listing();
  if (!listing.has_file("metrics.csv") || !listing.has_file("hparams.yaml")) return;
  Input input;
  input.path = listing.path("metrics.csv");
  input.run_name = folder.name() + "/metrics.csv";
  input.settings = listing.path("hparams.yaml");
  listing.files.erase("metrics.csv");
  folder.Add(std::move(input));
}

}  // namespace

SEXTANT_LOG_FORMAT(step_csv){.name = "step-csv",
                             .about = "a table with a step column: Lightning's CSVLogger",
                             .detect = &Detect,
                             .read = &ReadStepCsv,
                             .claim = &Claim};

}  // namespace sextant::importers
