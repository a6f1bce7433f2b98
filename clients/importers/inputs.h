// SPDX-License-Identifier: Apache-2.0
// What the user names on the command line, turned into the things that are read: files, and folders that
// tools write as one run.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sextant::importers {

/// One thing to read.
struct Input {
  std::string path;                ///< a file, a folder of a run's files, or "-" for standard input
  std::string format;              ///< what the layout around it says it is; empty: its content decides
  std::string why;                 ///< how the layout told
  std::string run_name;            ///< names a run whose source names none; empty: the path does
  std::string settings;            ///< a YAML file of hyperparameters beside it, or empty
  std::vector<std::string> parts;  ///< the files of one run in order, when `path` is a folder of several
  bool found = false;              ///< in a folder: content of no known format is passed over, not an error
};

/// Something that was not read, and why.
struct PassedOver {
  std::string path, why;
};

struct ExpandedInputs {
  std::vector<Input> inputs;
  std::vector<PassedOver> passed_over;  ///< older checkpoints, links to folders, copies of what is read
  std::vector<PassedOver> failed;       ///< named but not there, or folders that cannot be listed
};

/// Files, folders (searched through, links to folders inside them not followed), patterns with * ? [ and **
/// (for those that a shell left alone), and "-". Order: as named; within a folder or a pattern by name; event
/// files that are named one by one are put together by their folders. RESOURCE_EXHAUSTED beyond
/// kMaxFolderEntries or kMaxInputs. Reads directories, and the heads of trainer_state.json and event files;
/// nothing else.
absl::StatusOr<ExpandedInputs> ExpandInputs(const std::vector<std::string>& named);

/// The lines of a list of inputs, "-" for standard input; blank lines are left out. INVALID_ARGUMENT for a
/// line beyond kMaxTextBytes, RESOURCE_EXHAUSTED beyond kMaxInputs.
absl::StatusOr<std::vector<std::string>> ReadInputList(const std::string& path);

}  // namespace sextant::importers
