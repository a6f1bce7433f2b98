// SPDX-License-Identifier: Apache-2.0
// A whole database into another, whatever the engines.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace sextant::storage {

struct MovedTable {
  std::string name;
  std::int64_t rows = 0;
  std::string digest;  ///< hexadecimal, of all that the rows hold; equal in both databases
};

/// Copies all tables of the store at `from`, as of now, into the one at `to`, which is made if it is missing
/// and must be empty, or hold what an earlier call for the same two brought: that goes on where it stood. At
/// the end both are read again and their digests compared: DataLoss names a table that differs. Until then
/// OpenStore refuses `to`. `from` stays as it is, and must have the current schema. `progress` is told how
/// many rows of a table are there.
///
/// Errors: those of OpenStore; FailedPrecondition when `to` holds other records, or the two are of different
/// versions.
absl::StatusOr<std::vector<MovedTable>> MoveStore(
    const std::string& from, const std::string& to,
    const std::function<void(const std::string& table, std::int64_t rows)>& progress);

}  // namespace sextant::storage
