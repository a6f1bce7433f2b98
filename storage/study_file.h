// SPDX-License-Identifier: Apache-2.0
// A study on its own: copied between stores, exported to a file and taken in from one.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "storage/store.h"

namespace sextant::storage {

/// Copies a study with its runs, curves, fits and the user laws that its fits name, every field exactly,
/// under `new_id` (empty: its own). All or nothing. AlreadyExists when `to` has that
/// study. A law that `to` has stays as it is there: a fit carries the text of the law it was made with.
absl::Status CopyStudy(Snapshot& from, const std::string& study_id, Transaction& to,
                       const std::string& new_id = "");

/// Copies the study, as it is in `from`, to a new SQLite file that is a store of its own, whatever engine it
/// comes from. AlreadyExists when `path` is there; after a failure no file is left.
absl::Status ExportStudyFile(Snapshot& from, const std::string& study_id, const std::string& path);

/// Opens a file that ExportStudyFile made, to be read only. Errors of OpenStore.
absl::StatusOr<std::shared_ptr<Store>> OpenStudyFile(const std::string& path);

/// Copies the one study of a file that ExportStudyFile made into `to`; returns its id there. The file is only
/// read. FailedPrecondition when it holds no study or several.
absl::StatusOr<std::string> ImportStudyFile(const std::string& path, Transaction& to,
                                            const std::string& new_id = "");

}  // namespace sextant::storage
