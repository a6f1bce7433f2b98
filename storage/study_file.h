// SPDX-License-Identifier: Apache-2.0
// A study on its own: copied between stores, exported to a file and taken in from one.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "storage/store.h"

namespace sextant::storage {

/// Copies a study with its runs, curves, fits, forecasts and the user laws that its fits name, every field
/// exactly, under `new_id` (empty: its own). All or nothing. AlreadyExists when `to` has that study. A law
/// that `to` has stays as it is there: a fit carries the text of the law it was made with.
absl::Status CopyStudy(Snapshot& from, const std::string& study_id, Transaction& to,
                       const std::string& new_id = "");

/// Copies the study, as it is in `from`, to a new SQLite file that is a store of its own, whatever engine it
/// comes from. AlreadyExists when `path` is there; after a failure no file is left.
absl::Status ExportStudyFile(Snapshot& from, const std::string& study_id, const std::string& path);

/// What the work on a file that a stranger has sent may take.
struct ForeignFileLimits {
  std::chrono::milliseconds patience{0};
  std::function<bool()> given_up = {};  ///< asked now and then: nobody waits any more
};

/// Whether `path` is a file that Sextant wrote: the tables of its schema version, word for word, and nothing
/// else (a view or a trigger in place of a table would run when it is read); sound pages, and values of the
/// columns' types. That is read without writing, without trust in its schema, with low limits. Only then is a
/// file of an older version brought up to date in place, under the same limits. DeadlineExceeded after
/// `patience`, Cancelled once given up; FailedPrecondition and DataLoss say what it is instead.
absl::Status AcceptForeignFile(const std::string& path, const ForeignFileLimits& limits);

/// Opens a file that ExportStudyFile made, to be read only. Errors of OpenStore.
absl::StatusOr<std::shared_ptr<Store>> OpenStudyFile(const std::string& path);

/// Copies the one study of a file that ExportStudyFile made into `to`; returns its id there. The file is only
/// read. FailedPrecondition when it holds no study or several.
absl::StatusOr<std::string> ImportStudyFile(const std::string& path, Transaction& to,
                                            const std::string& new_id = "");

}  // namespace sextant::storage
