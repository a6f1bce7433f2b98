// SPDX-License-Identifier: Apache-2.0
// A database file that a stranger has sent.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <functional>
#include <string>

namespace sextant::storage {

/// What the work on such a file may take.
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

}  // namespace sextant::storage
