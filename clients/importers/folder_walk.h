// SPDX-License-Identifier: Apache-2.0
// What a folder holds, by the layouts that tools write.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "clients/importers/folder_claims.h"
#include "clients/importers/inputs.h"

namespace sextant::importers {

/// Adds what is to be read under `folder` to `*out`: what the formats claim of each folder, then every other
/// regular file as one whose content decides. `name` names the folder in run names. Hidden files and folders
/// are passed over, .trash of MLflow among them. Not thread-safe.
class FolderWalk {
 public:
  FolderWalk(ExpandedInputs* out, std::size_t* visited) : out_(*out), visited_(*visited) {}
  /// RESOURCE_EXHAUSTED beyond the limits on entries and inputs; anything else becomes part of the result.
  absl::Status Walk(const std::string& folder, const std::string& name, std::size_t depth);

 private:
  bool Read(const std::string& folder, std::size_t depth, FolderListing* listing);
  absl::Status Add(Input input);

  ExpandedInputs& out_;
  std::size_t& visited_;
  absl::Status limit_;
};

}  // namespace sextant::importers
