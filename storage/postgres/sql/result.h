// SPDX-License-Identifier: Apache-2.0
// What a command came to.
#pragma once

#include <absl/status/statusor.h>
#include <libpq-fe.h>

#include <memory>
#include <string>

namespace sextant::storage::postgres {

struct ResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, ResultDeleter>;

/// Reads all results of the command that was sent and returns the last, or the error of the first that
/// failed: a connection that ends says why in an earlier one. `database` is what messages call it.
absl::StatusOr<Result> TakeResults(PGconn* connection, const std::string& database);

/// What to return where libpq itself failed: the connection is of no use after it, and says so from now on.
absl::Status ConnectionLost(PGconn* connection, const std::string& database);

}  // namespace sextant::storage::postgres
