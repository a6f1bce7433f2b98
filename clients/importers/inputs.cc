// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/inputs.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/byte_source.h"
#include "clients/importers/event_files.h"
#include "clients/importers/folder_walk.h"
#include "clients/importers/limits.h"
#include "clients/importers/line_reader.h"
#include "clients/importers/path_pattern.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

namespace fs = std::filesystem;

absl::Status ExpandOne(const std::string& path, FolderWalk* walk, ExpandedInputs* out) {
  std::error_code error;
  if (path == "-" || !fs::is_directory(path, error)) {
    if (out->inputs.size() >= kMaxInputs)
      return absl::ResourceExhaustedError(absl::StrCat("more than ", kMaxInputs, " files to read"));
    Input input;
    input.path = path;
    const fs::path config = fs::path(path).replace_filename("config.json");
    if (fs::path(path).filename() == "trainer_state.json" && fs::is_regular_file(config, error))
      input.settings = config.string();
    out->inputs.push_back(std::move(input));
    return absl::OkStatus();
  }
  // The folder's own name, so that "exp", "./exp/" and "/data/exp" give the same names to runs.
  fs::path resolved = fs::canonical(path, error);
  if (error) resolved = path;
  return walk->Walk(path, resolved.filename().string(), 0);
}

}  // namespace

absl::StatusOr<ExpandedInputs> ExpandInputs(const std::vector<std::string>& named) {
  ExpandedInputs out;
  std::size_t visited = 0;
  FolderWalk walk(&out, &visited);
  for (const std::string& path : named) {
    std::error_code error;
    std::vector<std::string> paths{path};
    if (path != "-" && IsPathPattern(path) && !fs::exists(path, error)) {
      auto matched = ExpandPathPattern(path, &visited);
      if (!matched.ok()) return matched.status();
      paths = *std::move(matched);
      if (paths.empty()) out.failed.push_back({path, "nothing matches the pattern"});
    }
    for (const std::string& each : paths) {
      if (absl::Status expanded = ExpandOne(each, &walk, &out); !expanded.ok()) return expanded;
    }
  }
  GroupEventFiles(&out.inputs);
  return out;
}

absl::StatusOr<std::vector<std::string>> ReadInputList(const std::string& path) {
  auto source = ByteSource::Open(path);
  if (!source.ok()) return source.status();
  LineReader lines(source->get(), kMaxTextBytes);
  std::vector<std::string> paths;
  while (true) {
    std::string_view line;
    const auto read = lines.Next(&line);
    if (!read.ok()) return read.status();
    if (*read == LineReader::Result::kEnd) return paths;
    if (*read == LineReader::Result::kTooLong) {
      return absl::InvalidArgumentError(absl::StrCat((*source)->name(), ":", lines.line_number(),
                                                     ": a path is longer than ", kMaxTextBytes, " bytes"));
    }
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (Trim(line).empty()) continue;
    if (paths.size() >= kMaxInputs) {
      return absl::ResourceExhaustedError(
          absl::StrCat((*source)->name(), " lists more than ", kMaxInputs, " files"));
    }
    paths.emplace_back(line);
  }
}

}  // namespace sextant::importers
