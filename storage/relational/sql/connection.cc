// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/sql/connection.h"

#include <absl/strings/str_cat.h>

#include "base/status_macros.h"

namespace sextant::storage::relational {

absl::Status Statement::Run() {
  for (;;) {
    ASSIGN_OR_RETURN(auto row, Step());
    if (!row) break;
  }
  Reset();
  return absl::OkStatus();
}

absl::StatusOr<ScopedTransaction> ScopedTransaction::Begin(Connection& connection, Kind kind) {
  const bool nested = connection.in_transaction();
  const char* sql = nested                 ? "SAVEPOINT nested"
                    : kind == Kind::kWrite ? connection.begin_write()
                                           : connection.begin_read();
  RETURN_IF_ERROR(connection.Execute(sql));
  return ScopedTransaction(&connection, nested);
}

ScopedTransaction::ScopedTransaction(ScopedTransaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)), nested_(other.nested_) {}

ScopedTransaction::~ScopedTransaction() {
  if (connection_ == nullptr || !connection_->in_transaction()) return;
  // A failed rollback leaves the connection in its transaction; the next Begin or Commit reports that.
  connection_->Execute(nested_ ? "ROLLBACK TO SAVEPOINT nested" : "ROLLBACK").IgnoreError();
  if (nested_) connection_->Execute("RELEASE SAVEPOINT nested").IgnoreError();
}

absl::Status ScopedTransaction::Commit() {
  Connection& connection = *connection_;
  if (!connection.in_transaction()) {
    connection_ = nullptr;
    return absl::AbortedError(absl::StrCat(connection.path(), ": the transaction was rolled back"));
  }
  absl::Status status = connection.Execute(nested_ ? "RELEASE SAVEPOINT nested" : "COMMIT");
  if (status.ok()) connection_ = nullptr;
  return status;  // on failure the destructor rolls back
}

}  // namespace sextant::storage::relational
