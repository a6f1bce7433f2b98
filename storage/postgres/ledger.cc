// SPDX-License-Identifier: Apache-2.0
#include "storage/postgres/ledger.h"

#include <absl/strings/str_cat.h>

#include <random>

#include "base/status_macros.h"

namespace sextant::storage::postgres {
namespace {

#define LOCK_WRITERS "BEGIN; SELECT value FROM counters WHERE name = 'next_run_key' FOR UPDATE"

}  // namespace

Ledger::Ledger() {
  std::random_device random;
  for (int i = 0; i < 4; ++i) absl::StrAppend(&id_, absl::Hex(random(), absl::kZeroPad8));
}

std::string Ledger::BeginNext(Micros now) {
  ++batch_;
  return absl::StrCat(
      LOCK_WRITERS "; INSERT INTO writers VALUES ('", id_, "', ", batch_, ", ", now,
      ") ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, write_time = excluded.write_time");
}

absl::StatusOr<bool> Ledger::Committed(Connection& connection) const {
  RETURN_IF_ERROR(connection.Execute(LOCK_WRITERS));
  auto batch = connection.Ask(absl::StrCat("SELECT batch FROM writers WHERE id = '", id_, "'"));
  RETURN_IF_ERROR(connection.Execute("ROLLBACK"));
  if (!batch.ok()) return batch.status();
  return *batch == absl::StrCat(batch_);
}

absl::Status Ledger::ForgetOld(Connection& connection, Micros now) {
  constexpr Micros kWeek = Micros{7} * 24 * 3600 * 1'000'000;
  return connection.Execute(absl::StrCat("DELETE FROM writers WHERE write_time < ", now - kWeek));
}

}  // namespace sextant::storage::postgres
