// SPDX-License-Identifier: Apache-2.0
// SQLite result codes as absl::Status: the one place where they are translated.
#pragma once

#include <absl/status/status.h>

#include <string>

struct sqlite3;

namespace sextant::storage::sqlite {

/// The status for an extended result code (never SQLITE_OK, SQLITE_ROW or SQLITE_DONE). The message names the
/// file and says what to do:
///   full disk -> ResourceExhausted, damaged pages -> DataLoss, not a database -> FailedPrecondition,
///   busy or locked -> Unavailable, read-only -> FailedPrecondition, cannot open -> NotFound or
///   PermissionDenied, unique constraint -> AlreadyExists, anything else -> Internal.
/// `system_errno` is sqlite3_system_errno at the failure, 0 when unknown.
absl::Status StatusFromCode(int extended_code, int system_errno, const std::string& detail,
                            const std::string& path);

/// The same, with what `db` knows about its last error.
absl::Status LastError(sqlite3* db, const std::string& path);

}  // namespace sextant::storage::sqlite
