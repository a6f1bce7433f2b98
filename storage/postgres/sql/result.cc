// SPDX-License-Identifier: Apache-2.0
#include "storage/postgres/sql/result.h"

#include <sys/socket.h>

#include <utility>

#include "storage/postgres/sql/error.h"

namespace sextant::storage::postgres {
namespace {

absl::Status ErrorOf(const PGresult* result, PGconn* connection, const std::string& database) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (state != nullptr) return StatusFromSqlState(state, primary != nullptr ? primary : "", database);
  return ConnectionLost(connection, database);
}

}  // namespace

absl::Status ConnectionLost(PGconn* connection, const std::string& database) {
  absl::Status status = StatusFromSqlState("", PQerrorMessage(connection), database);
  // Of a query that could not be sent libpq tells by its result alone, and calls the connection good until it
  // reads that there is nothing more.
  if (PQsocket(connection) >= 0) shutdown(PQsocket(connection), SHUT_RDWR);
  while (PQstatus(connection) == CONNECTION_OK && PQconsumeInput(connection) == 1) {
  }
  return status;
}

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
    return ConnectionLost(connection, database);
  }
  return last;
}

}  // namespace sextant::storage::postgres
