// SPDX-License-Identifier: Apache-2.0
#include "storage/postgres/sql/result.h"

#include <utility>

#include "storage/postgres/sql/error.h"

namespace sextant::storage::postgres {
namespace {

absl::Status ErrorOf(const PGresult* result, PGconn* connection, const std::string& database) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (state != nullptr) return StatusFromSqlState(state, primary != nullptr ? primary : "", database);
  return StatusFromSqlState("", PQerrorMessage(connection), database);
}

}  // namespace

absl::StatusOr<Result> TakeResults(PGconn* connection, const std::string& database) {
  Result last;
  absl::Status failed;
  while (PGresult* next = PQgetResult(connection)) {
    last.reset(next);
    const ExecStatusType status = PQresultStatus(next);
    if ((status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) && failed.ok()) {
      failed = ErrorOf(next, connection, database);
    }
    // The caller goes on with the data; what became of them is the next result.
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) break;
  }
  if (!failed.ok()) return failed;
  if (last == nullptr || PQstatus(connection) == CONNECTION_BAD) {
    return StatusFromSqlState("", PQerrorMessage(connection), database);
  }
  return last;
}

}  // namespace sextant::storage::postgres
