// SPDX-License-Identifier: Apache-2.0
// A database file that a stranger has sent.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <string>

namespace sextant::storage {

/// Whether `path` is a file that Sextant wrote: the tables of the current schema, word for word, and nothing
/// else (a view or a trigger in place of a table would run when it is read); sound pages, and values of the
/// columns' types. Opens it for reading only, without trust in its schema, with low limits, and gives up
/// after `patience` (DeadlineExceeded). FailedPrecondition and DataLoss say what it is instead.
absl::Status CheckForeignFile(const std::string& path, std::chrono::milliseconds patience);

}  // namespace sextant::storage
