// SPDX-License-Identifier: Apache-2.0
// Which transactions of a writer were committed: a connection that is lost at COMMIT does not say.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

#include "storage/postgres/sql/connection.h"
#include "storage/records.h"

namespace sextant::storage::postgres {

/// Every transaction of a store takes the writers' lock, a row of `counters`, and leaves its number in the
/// writer's row of `writers`. So transactions of all processes run one after the other, as they do in one
/// process, and whoever gets the lock sees what the one before came to. Used by one thread at a time.
class Ledger {
 public:
  Ledger();

  /// SQL that begins the next transaction.
  std::string BeginNext(Micros now);

  /// Whether the transaction that BeginNext began last was committed; waits until it has ended.
  absl::StatusOr<bool> Committed(Connection& connection) const;

  /// Forgets writers that have not written for a week.
  static absl::Status ForgetOld(Connection& connection, Micros now);

 private:
  std::string id_;  ///< of this store, hexadecimal
  std::int64_t batch_ = 0;
};

}  // namespace sextant::storage::postgres
