// SPDX-License-Identifier: Apache-2.0
// A log format is one entry: one file of formats/ defines it, and dispatch, detection, folder layouts, help,
// completion, fuzz targets and tests go by the entries that there are.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "clients/importers/log/metric_table.h"

namespace sextant::importers {

class ByteSource;
class Emitter;
class FolderClaims;
class Sample;
struct Input;

/// What detection says of a file.
struct Match {
  int percent = 0;  ///< how sure it is; see kSurePercent and kPossiblePercent
  std::string why;
};

/// Below this only a file that the user names is read so: any table or any JSON would do.
inline constexpr int kSurePercent = 50;
/// Below this nothing is read so unless --format asks for it: the file only quotes such a log.
inline constexpr int kPossiblePercent = 25;

/// One log format.
struct Format {
  const char* name;   ///< of --format: the name of its file, with dashes
  const char* about;  ///< what it is, for help: "llm.c's main.log"
  /// How likely `sample` is of this format. Null: only folders are, by their layout.
  Match (*detect)(const Sample& sample) = nullptr;
  /// Reads a stream of bytes. Errors are those of reading the source or of the sink, or INVALID_ARGUMENT for
  /// a source that cannot be of the format at all; everything else is a reject or a note.
  absl::Status (*read)(ByteSource* source, Emitter& emitter) = nullptr;
  /// Reads a path: a folder, a database, or the parts of an input. Errors as above.
  absl::Status (*read_path)(const Input& input, Emitter& emitter) = nullptr;
  /// Takes from a folder what tools that write this format lay out as one run, before its files are looked at
  /// one by one.
  void (*claim)(FolderClaims& folder) = nullptr;
  /// Names that mean a quantity in this format alone; they go before the common table.
  absl::Span<const MetricName> metrics = {};
};

/// All formats, by name.
const std::vector<const Format*>& Formats();
/// Null if there is none of that name.
const Format* FindFormat(std::string_view name);

}  // namespace sextant::importers

/// Defines the entry of a format's file, in this namespace: SEXTANT_LOG_FORMAT(llmc_log){.name = "llmc-log",
/// …}; the id is the name of the file. The build makes the list of entries from the files of formats/.
#define SEXTANT_LOG_FORMAT(id)     \
  extern const Format format_##id; \
  const Format format_##id
