// SPDX-License-Identifier: Apache-2.0
// DVCLive's folder: plots/metrics/NAME.tsv with "step NAME" a row, and params.yaml. Its step counts calls of
// next_step from 0, which a loop may make once an epoch or once a log.
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "clients/importers/byte_source.h"
#include "clients/importers/csv.h"
#include "clients/importers/emit.h"
#include "clients/importers/folder_claims.h"
#include "clients/importers/format.h"
#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/path_pattern.h"

namespace sextant::importers {
namespace {

namespace fs = std::filesystem;

constexpr char kMetrics[] = "plots/metrics";
constexpr std::string_view kSuffix = ".tsv";

absl::Status ReadMetric(const std::string& path, const std::string& name, Emitter& emitter, LogRun* log) {
  auto source = ByteSource::Open(path);
  if (!source.ok()) {
    emitter.Reject(0, std::string(source.status().message()));
    return absl::OkStatus();
  }
  (*source)->CountInto(emitter.options().bytes_read);
  LineReader lines(source->get(), kMaxCsvLineBytes);
  CsvReader csv(&lines, '\t');
  CsvRow row;
  std::size_t step_column = 0, value_column = 1;
  bool header = true;
  while (true) {
    const auto read = csv.Next(&row);
    if (!read.ok()) return read.status();
    if (!*read) return absl::OkStatus();
    if (header) {
      // A column "timestamp" may stand before the step.
      for (std::size_t i = 0; i + 1 < row.fields.size(); ++i) {
        if (row.fields[i] == "step") step_column = i;
      }
      value_column = step_column + 1;
      header = false;
      continue;
    }
    const bool whole = row.error.empty() && value_column < row.fields.size();
    const auto step = whole ? StepOf(ParseDouble(row.fields[step_column])) : std::nullopt;
    const auto value = whole ? ParseDouble(row.fields[value_column]) : std::nullopt;
    if (step && value) {
      log->AddPoint(name, *step + 1, *value);
    } else {
      emitter.Reject(row.line, absl::StrCat("metric ", Quoted(name), ": ",
                                            row.error.empty() ? "not 'step value'" : row.error));
    }
  }
}

// Names hold slashes, which makes folders.
absl::Status ReadMetrics(const std::string& folder, const std::string& prefix, std::size_t depth,
                         std::size_t* visited, Emitter& emitter, LogRun* log) {
  if (depth > kMaxFolderDepth) return absl::OkStatus();
  const auto names = ListFolder(folder, visited);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const std::string path = folder + "/" + name;
    std::error_code error;
    const fs::file_status status = fs::symlink_status(path, error);
    absl::Status read;
    const bool table = name.size() > kSuffix.size() && name.substr(name.size() - kSuffix.size()) == kSuffix;
    if (fs::is_directory(status)) {
      read = ReadMetrics(path, prefix + name + "/", depth + 1, visited, emitter, log);
    } else if (fs::is_regular_file(status) && table) {
      read = ReadMetric(path, prefix + name.substr(0, name.size() - kSuffix.size()), emitter, log);
    }
    if (!read.ok()) return read;
  }
  return absl::OkStatus();
}

absl::Status ReadDvcLive(const Input& input, Emitter& emitter) {
  LogRun log(emitter);
  log.CountEpochs();
  std::size_t visited = 0;
  const absl::Status read = ReadMetrics(input.path + "/" + kMetrics, "", 0, &visited, emitter, &log);
  if (!read.ok()) return read;
  NameByPath(emitter, &log.run());
  return log.Emit(emitter, 0);
}

void Claim(FolderClaims& folder) {
  FolderListing& listing = folder.listing();
  std::error_code error;
  if (!listing.has_folder("plots") || !fs::is_directory(listing.path(kMetrics), error)) return;
  Input input;
  input.path = listing.folder;
  input.format = "dvclive";
  input.why = "a folder with plots/metrics";
  input.run_name = folder.name();
  if (listing.has_file("params.yaml")) input.settings = listing.path("params.yaml");
  folder.Add(std::move(input));
  folder.TakeAll();
}

}  // namespace

SEXTANT_LOG_FORMAT(dvclive){
    .name = "dvclive", .about = "DVCLive's folder of a run", .read_path = &ReadDvcLive, .claim = &Claim};

}  // namespace sextant::importers
