// SPDX-License-Identifier: Apache-2.0
// PostgreSQL's SQLSTATEs as absl::Status: the one place where they are translated.
#pragma once

#include <absl/status/status.h>

#include <string>
#include <string_view>

namespace sextant::storage::postgres {

/// The status for an SQLSTATE (five characters; "" for a connection that was lost, which has none). The
/// message names the database and says what to do:
///   lost, ended or refused connections, locks and deadlocks -> Unavailable; disk, memory and other limits ->
///   ResourceExhausted; rights -> PermissionDenied; no such database -> NotFound; read-only ->
///   FailedPrecondition; unique constraint -> AlreadyExists; damaged data -> DataLoss; anything else ->
///   Internal.
absl::Status StatusFromSqlState(std::string_view state, const std::string& detail,
                                const std::string& database);

/// The status for a connection that could not be made, of which libpq knows a text only.
absl::Status CannotConnect(const std::string& detail, const std::string& database);

}  // namespace sextant::storage::postgres
