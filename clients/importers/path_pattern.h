// SPDX-License-Identifier: Apache-2.0
// Shell patterns over paths, for patterns that reach the program unexpanded.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sextant::importers {

bool IsPathPattern(const std::string& text);

/// The paths that match, by name: * ? [ ] within one component, hidden names only if the pattern begins with
/// a dot, ** for any number of folders (links to folders are not followed). `*visited` grows by the directory
/// entries looked at; RESOURCE_EXHAUSTED beyond kMaxFolderEntries.
absl::StatusOr<std::vector<std::string>> ExpandPathPattern(const std::string& pattern, std::size_t* visited);

/// The names in `folder`, sorted, "." and ".." left out. A status that names the folder if it cannot be
/// listed.
absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& folder, std::size_t* visited);

}  // namespace sextant::importers
