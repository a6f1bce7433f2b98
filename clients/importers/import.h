// SPDX-License-Identifier: Apache-2.0
// The way in: files of any known format to runs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/importers/byte_source.h"
#include "clients/importers/curve_file.h"
#include "clients/importers/inputs.h"
#include "clients/importers/log/metric_table.h"
#include "clients/importers/mapping.h"
#include "clients/importers/run_record.h"

namespace sextant::importers {

struct ImportOptions {
  std::string format = "auto";         ///< or a name of FormatNames()
  std::vector<FieldMapping> map;       ///< overrides detection of columns and keys
  std::vector<MetricRule> metrics;     ///< which logged names are which quantity, before the built-in table
  std::vector<FieldMapping> set;       ///< field=value for every run whose source does not say
  std::int64_t step_offset = 0;        ///< added to the steps of logs
  bool bits_per_byte = false;          ///< the study counts losses in bits per byte
  std::string required_params;         ///< the parameter count the study's laws use, or empty
  std::vector<std::string> variables;  ///< that the study declares; runs need no N and D then
  CurveFile* curves = nullptr;         ///< curves to attach by run id, or null
  std::int64_t* bytes_read = nullptr;  ///< grows as files are read, for progress; or null
};

/// What became of one name that a source logs.
struct NameReport {
  std::string quantity;     ///< what it was taken as, a word of --metric; empty: not taken
  std::string why;          ///< it was not
  std::int64_t points = 0;  ///< of all runs of the source
};

/// What was found in one input.
struct FileReport {
  std::string source;
  std::string format;          ///< empty: passed over, and `why` says for what reason
  std::string why;             ///< how the format was recognised
  int confidence_percent = 0;  ///< 100 for what the user or a folder's layout says
  std::int64_t records = 0, runs = 0, rejected = 0;
  std::int64_t lines = 0, lines_understood = 0;  ///< of text logs, blank ones left out
  std::map<std::string, NameReport> metrics;     ///< by logged name
  std::map<std::string, std::string> settings;   ///< what each setting was taken as: a field, or "" for none

  void AddMetric(const std::string& name, const std::string& quantity, std::int64_t points,
                 const std::string& why_not);
  /// `field` empty: the setting is there.
  void AddSetting(const std::string& field, const std::string& key);
};

/// Names that ImportOptions::format takes beside "auto".
std::vector<std::string> FormatNames();

/// Reads one input and hands every run to `sink`, in the order of the source, in bounded memory. Records that
/// cannot be taken become rejects and do not stop the import. INVALID_ARGUMENT when the format or the mapping
/// does not fit the source, NOT_FOUND and the like when it cannot be read; an error of `sink.AddRun` is
/// passed on. An input found in a folder is passed over when its format is not known for sure, or is not the
/// one asked for.
absl::StatusOr<FileReport> ImportInput(const Input& input, const ImportOptions& options, RunSink& sink);

/// The same for a file that the user names ("-" for standard input).
absl::StatusOr<FileReport> ImportFile(const std::string& path, const ImportOptions& options, RunSink& sink);

}  // namespace sextant::importers
