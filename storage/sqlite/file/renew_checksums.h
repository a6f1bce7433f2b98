// SPDX-License-Identifier: Apache-2.0
// Checksums for the pages of a database that has none, or wrong ones.
#pragma once

#include <absl/status/status.h>

#include <string>

namespace sextant::storage::sqlite {

/// Puts a copy of the database in its place whose pages carry checksums. SQLite reads and checks all of it
/// first, whatever the checksums it has: DataLoss says what it finds, and the file stays. Nobody has it open;
/// the caller holds the lock. What is empty or missing is left alone. After a loss of power there is the old
/// file or the new one. ResourceExhausted where there is no room for a second one.
absl::Status RenewChecksums(const std::string& path);

}  // namespace sextant::storage::sqlite
