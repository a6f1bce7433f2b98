// SPDX-License-Identifier: Apache-2.0
#include "storage/postgres/postgres_store.h"

#include <absl/cleanup/cleanup.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "base/status_macros.h"
#include "storage/fault.h"
#include "storage/postgres/bulk_runs.h"
#include "storage/postgres/ledger.h"
#include "storage/postgres/schema/schema.h"
#include "storage/postgres/sql/connection.h"
#include "storage/relational/columns/read_ahead.h"
#include "storage/relational/move/move_mark.h"
#include "storage/relational/move/table_store.h"
#include "storage/relational/quiet_task.h"
#include "storage/relational/reader_pool.h"
#include "storage/relational/reads.h"
#include "storage/relational/record_check.h"
#include "storage/relational/transaction.h"

namespace sextant::storage {
namespace postgres {
namespace {

using relational::Clock;
using relational::ListingAids;
using relational::PooledSnapshot;
using relational::QuietTask;
using relational::ReaderPool;
using relational::RunColumns;

constexpr std::chrono::milliseconds kQuietTime{500};
// A server is back 2.3 s after `restart -m immediate` here; who waits longer is better told.
constexpr std::chrono::milliseconds kPatience{3200};
constexpr std::chrono::milliseconds kFirstDelay{20}, kLongestDelay{400};

// Calls `attempt` until it returns something else than Unavailable, `pays` says no, or it has taken too long.
template <typename Attempt, typename Pays>
auto Retried(Attempt attempt, Pays pays) -> decltype(attempt()) {
  const auto begin = std::chrono::steady_clock::now();
  for (std::chrono::milliseconds delay = kFirstDelay;; delay = std::min(2 * delay, kLongestDelay)) {
    auto result = attempt();
    const bool again = absl::IsUnavailable(relational::StatusOf(result)) && pays() &&
                       std::chrono::steady_clock::now() - begin + delay < kPatience;
    if (!again) return result;
    std::this_thread::sleep_for(delay);
  }
}
bool Always() { return true; }

Micros Now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class PostgresTransaction final : public relational::RowTransaction {
 public:
  PostgresTransaction(Connection& connection, const Clock& clock)
      : RowTransaction(connection, clock), own_(connection) {}

 protected:
  absl::StatusOr<std::vector<PutOutcome>> PutRows(const std::string& study_id,
                                                  std::span<const EncodedRun> runs) override {
    return PutRunsInBulk(own_, study_id, runs);
  }

 private:
  Connection& own_;
};

// One connection that writes, and a pool of those that read; each is made again when it is lost.
class PostgresStore final : public Store,
                            public relational::TableStore,
                            public std::enable_shared_from_this<PostgresStore> {
 public:
  PostgresStore(Place place, const PostgresOptions& options)
      : place_(std::move(place)),
        options_(options),
        clock_(options.clock ? options.clock : Now),
        readers_([this] { return OpenReader(); }, std::max(options.reader_connections, 1)) {
    if (options.column_cache_bytes <= 0) return;
    listing_.columns = std::make_shared<RunColumns>(options.column_cache_bytes);
    listing_.steps_before_columns = options.scan_steps_before_columns;
  }
  ~PostgresStore() override { ahead_.reset(); }

  /// Brings the database up to date, and takes it for this process to write.
  absl::Status Start() {
    if (options_.read_only) {
      ASSIGN_OR_RETURN(auto lease, readers_.Acquire());
      ASSIGN_OR_RETURN(auto version, ReadSchemaVersion(static_cast<Connection&>(*lease)));
      if (version == 0) return absl::NotFoundError(absl::StrCat(place_.name, " holds no Sextant tables"));
      if (version != CurrentSchemaVersion()) {
        return absl::FailedPreconditionError(
            absl::StrCat(place_.name, " has the older schema version ", version,
                         ": open it once for writing to bring it up to date"));
      }
    } else {
      ASSIGN_OR_RETURN(writer_, Connection::Open(place_, /*read_only=*/false));
      RETURN_IF_ERROR(Migrate(*writer_, options_.create));
      absl::Status taken = Retried([&] { return TakeForWriting(*writer_); }, Always);
      if (absl::IsUnavailable(taken)) return absl::FailedPreconditionError(taken.message());
      RETURN_IF_ERROR(taken);
      RETURN_IF_ERROR(Ledger::ForgetOld(*writer_, Now()));
    }
    if (!options_.half_moved) {
      RETURN_IF_ERROR(ReadTables(relational::RefuseHalfMoved));
    }
    if (options_.reads_ahead && listing_.columns != nullptr) {
      // What goes wrong here goes wrong again, and is told, where a listing reads.
      ahead_ = std::make_unique<QuietTask>(kQuietTime, [this] { ReadAhead().IgnoreError(); });
      ahead_->Poke();
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<Snapshot>> Read() override {
    return Retried(
        [&]() -> absl::StatusOr<std::unique_ptr<Snapshot>> {
          // Connections that were lost while they were idle say so here, one after the other.
          for (;;) {
            ASSIGN_OR_RETURN(auto lease, readers_.Acquire());
            auto transaction = ScopedTransaction::Begin(*lease, ScopedTransaction::Kind::kRead);
            if (!transaction.ok()) {
              if (!(*lease).usable()) continue;
              return transaction.status();
            }
            return std::make_unique<PooledSnapshot>(shared_from_this(), std::move(lease),
                                                    *std::move(transaction), clock_, listing_, ahead_.get());
          }
        },
        Always);
  }

  absl::Status Write(const Work& work) override {
    if (options_.read_only) {
      return WithFault(absl::FailedPreconditionError(
                           absl::StrCat(place_.name, " is open for reading only: ", options_.why_read_only)),
                       kFaultReadOnly);
    }
    if (writing_thread_ == std::this_thread::get_id()) {
      return absl::FailedPreconditionError("a Store::Write inside another: use Transaction::Nested");
    }
    const std::lock_guard lock(write_mutex_);
    // A lock that was waited for in vain is not waited for again.
    RETURN_IF_ERROR(
        Retried([&] { return BeginWrite(); }, [&] { return writer_ == nullptr || !writer_->usable(); }));
    bool in_doubt = false;
    absl::Status status = Transact(work, in_doubt);
    if (in_doubt) status = Settle();
    if (ahead_ != nullptr) ahead_->Poke();
    return status;
  }

  absl::Status ReadTables(const TableWork& work) override {
    ASSIGN_OR_RETURN(auto lease, readers_.Acquire());
    ASSIGN_OR_RETURN(auto transaction, ScopedTransaction::Begin(*lease, ScopedTransaction::Kind::kRead));
    return work(*lease);
  }
  absl::Status WriteTables(const TableWork& work) override {
    return Write([&](Transaction&) { return work(*writer_); });
  }

  absl::StatusOr<StoreHealth> GetHealth() override {
    ASSIGN_OR_RETURN(auto lease, readers_.Acquire());
    auto& connection = static_cast<Connection&>(*lease);
    StoreHealth health;
    health.location = place_.name;
    ASSIGN_OR_RETURN(health.schema_version, ReadSchemaVersion(connection));
    ASSIGN_OR_RETURN(auto bytes, connection.Ask("SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c "
                                                "WHERE c.relnamespace = current_schema()::regnamespace "
                                                "AND c.relkind = 'r'"));
    if (!absl::SimpleAtoi(bytes, &health.file_bytes)) health.file_bytes = 0;
    return health;
  }
  absl::Status CheckIntegrity() override {
    ASSIGN_OR_RETURN(auto lease, readers_.Acquire());
    ASSIGN_OR_RETURN(auto transaction, ScopedTransaction::Begin(*lease, ScopedTransaction::Kind::kRead));
    return relational::CheckRecords(*lease);
  }
  absl::Status BackUp(const std::string&) override {
    return absl::FailedPreconditionError(
        absl::StrCat(place_.name,
                     " is a PostgreSQL database: back it up with its own tools (pg_dump, "
                     "pg_basebackup), or export studies"));
  }
  absl::Status Checkpoint() override { return absl::OkStatus(); }

 private:
  absl::StatusOr<std::unique_ptr<relational::Connection>> OpenReader() {
    return Connection::Open(place_, /*read_only=*/true);
  }

  // One process at a time writes: at its start a server gives up the fits that were running, and what it
  // keeps in memory of fits and laws is its own. Unavailable while another has the database.
  absl::Status TakeForWriting(Connection& connection) {
    constexpr int kOpenLock = 0x5358544E;  // "SXTN"
    ASSIGN_OR_RETURN(auto taken, connection.Ask(absl::StrCat("SELECT pg_try_advisory_lock(", kOpenLock,
                                                             ", hashtext(current_schema()))")));
    if (taken == "t") return absl::OkStatus();
    return absl::UnavailableError(
        absl::StrCat(place_.name, " is in use by another process: go through that sextantd with --server"));
  }

  absl::Status BeginWrite() {
    if (writer_ == nullptr || !writer_->usable()) {
      writer_.reset();
      ASSIGN_OR_RETURN(auto writer, Connection::Open(place_, /*read_only=*/false));
      RETURN_IF_ERROR(TakeForWriting(*writer));
      writer_ = std::move(writer);
    }
    absl::Status begun = writer_->Execute(ledger_.BeginNext(Now()));
    if (!begun.ok() && writer_->in_transaction()) writer_->Execute("ROLLBACK").IgnoreError();
    return begun;
  }

  absl::Status Transact(const Work& work, bool& in_doubt) {
    writing_thread_ = std::this_thread::get_id();
    const absl::Cleanup done = [this] {
      writing_thread_ = std::thread::id();
      if (writer_->in_transaction()) writer_->Execute("ROLLBACK").IgnoreError();
    };
    PostgresTransaction transaction(*writer_, clock_);
    const absl::Status status = work(transaction);
    RETURN_IF_ERROR(transaction.lost());
    RETURN_IF_ERROR(status);
    absl::Status committed = writer_->Execute("COMMIT");
    in_doubt = !committed.ok() && !writer_->usable();
    return committed;
  }

  // A commit whose answer was lost: asks what became of it.
  absl::Status Settle() {
    const auto committed = Retried(
        [&]() -> absl::StatusOr<bool> {
          writer_.reset();
          ASSIGN_OR_RETURN(auto writer, Connection::Open(place_, /*read_only=*/false));
          RETURN_IF_ERROR(TakeForWriting(*writer));
          writer_ = std::move(writer);
          return ledger_.Committed(*writer_);
        },
        Always);
    if (!committed.ok()) {
      return absl::UnavailableError(
          absl::StrCat("the connection was lost at the end of a write, which may have been kept or not: "
                       "retry with the same "
                       "request id (",
                       std::string(committed.status().message()), ")"));
    }
    if (*committed) return absl::OkStatus();
    return absl::UnavailableError(
        absl::StrCat("the connection to ", place_.name, " was lost: nothing of this write was kept; retry"));
  }

  absl::Status ReadAhead() {
    ASSIGN_OR_RETURN(auto lease, readers_.Acquire());
    ASSIGN_OR_RETURN(auto transaction, ScopedTransaction::Begin(*lease, ScopedTransaction::Kind::kRead));
    return relational::ReadColumnsAhead(*lease, *listing_.columns);
  }

  const Place place_;
  const PostgresOptions options_;
  const Clock clock_;
  ListingAids listing_;
  ReaderPool readers_;
  std::mutex write_mutex_;  ///< whoever uses what follows
  std::atomic<std::thread::id> writing_thread_{};
  Ledger ledger_;
  std::unique_ptr<Connection> writer_;
  std::unique_ptr<QuietTask> ahead_;
};

}  // namespace

// Where OpenStore finds this engine.
absl::StatusOr<PlaceName> NamePlace(const std::string& place);
absl::StatusOr<PlaceName> NamePlace(const std::string& place) {
  ASSIGN_OR_RETURN(auto parsed, ParsePlace(place));
  return PlaceName{std::move(parsed.name), false};
}
absl::StatusOr<std::shared_ptr<Store>> OpenEngine(const std::string& place, const StoreOptions& options);
absl::StatusOr<std::shared_ptr<Store>> OpenEngine(const std::string& place, const StoreOptions& options) {
  return OpenPostgresStore(place, PostgresOptions{options});
}

}  // namespace postgres

absl::StatusOr<std::shared_ptr<Store>> OpenPostgresStore(const std::string& place,
                                                         const PostgresOptions& options) {
  ASSIGN_OR_RETURN(auto parsed, postgres::ParsePlace(place));
  auto store = std::make_shared<postgres::PostgresStore>(std::move(parsed), options);
  RETURN_IF_ERROR(store->Start());
  return store;
}

}  // namespace sextant::storage
