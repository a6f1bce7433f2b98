// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/sqlite_store.h"

#include <absl/cleanup/cleanup.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/status_macros.h"
#include "storage/fault.h"
#include "storage/relational/columns/read_ahead.h"
#include "storage/relational/move/move_mark.h"
#include "storage/relational/move/table_store.h"
#include "storage/relational/quiet_task.h"
#include "storage/relational/reader_pool.h"
#include "storage/relational/reads.h"
#include "storage/relational/transaction.h"
#include "storage/sqlite/file/care.h"
#include "storage/sqlite/file/file_lock.h"
#include "storage/sqlite/file/file_watch.h"
#include "storage/sqlite/file/open.h"
#include "storage/sqlite/file/renew_checksums.h"

namespace sextant::storage {
namespace sqlite {
namespace {

using relational::Clock;
using relational::ListingAids;
using relational::PooledSnapshot;
using relational::QuietTask;
using relational::ReadColumnsAhead;
using relational::ReaderPool;
using relational::RowTransaction;
using relational::RunColumns;

constexpr std::chrono::milliseconds kQuiet{500};

Micros SystemClock() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

ListingAids AidsFor(const SqliteOptions& options) {
  ListingAids aids;
  if (options.column_cache_bytes > 0) {
    aids.columns = std::make_shared<RunColumns>(options.column_cache_bytes);
    aids.steps_before_columns = options.scan_steps_before_columns;
  }
  return aids;
}

// One connection that writes, and a pool of those that read.
class SqliteStore final : public Store,
                          public relational::TableStore,
                          public std::enable_shared_from_this<SqliteStore> {
 public:
  // Without `writer` and `lock` it is read-only.
  SqliteStore(std::optional<FileLock> lock, const std::string& path, std::unique_ptr<Connection> writer,
              const SqliteOptions& options)
      : clock_(options.clock ? options.clock : SystemClock),
        why_read_only_(options.why_read_only),
        listing_(AidsFor(options)),
        lock_(std::move(lock)),
        watch_(path),
        writer_(std::move(writer)),
        readers_(std::make_unique<ReaderPool>([this] { return OpenOneReader(); },
                                              std::max(options.reader_connections, 1))) {
    if (lock_) lock_->MarkLog(true);
    if (!options.reads_ahead || listing_.columns == nullptr) return;
    // What goes wrong here goes wrong again, and is told, where a listing reads.
    ahead_ = std::make_unique<QuietTask>(kQuiet, [this] { ReadAhead().IgnoreError(); });
    ahead_->Poke();
  }
  // The writer is closed last: that folds the log into the file and removes it. The mark goes before, so that
  // a process which ends between the two does not leave one without a log.
  ~SqliteStore() override {
    ahead_.reset();
    if (!lock_) return;
    lock_->MarkLog(false);
    readers_.reset();
    writer_.reset();
    if (HasLog(watch_.path())) lock_->MarkLog(true);
  }

  absl::StatusOr<std::unique_ptr<Snapshot>> Read() override {
    ASSIGN_OR_RETURN(auto lease, readers_->Acquire());
    ASSIGN_OR_RETURN(auto transaction, ScopedTransaction::Begin(*lease, ScopedTransaction::Kind::kRead));
    return std::make_unique<PooledSnapshot>(shared_from_this(), std::move(lease), std::move(transaction),
                                            clock_, listing_, ahead_.get());
  }

  absl::Status Write(const Work& work) override {
    if (writer_ == nullptr) {
      return WithFault(absl::FailedPreconditionError(
                           absl::StrCat(watch_.path(), " is open for reading only: ", why_read_only_)),
                       kFaultReadOnly);
    }
    if (writing_thread_ == std::this_thread::get_id()) {
      return absl::FailedPreconditionError("a Store::Write inside another: use Transaction::Nested");
    }
    const std::lock_guard lock(write_mutex_);
    RETURN_IF_ERROR(InPlace());
    const absl::Status status = Transact(work);
    // What went into a file that has been taken away meanwhile is not acknowledged.
    if (status.ok()) {
      RETURN_IF_ERROR(InPlace());
    }
    if (ahead_ != nullptr) ahead_->Poke();
    return status;
  }

  absl::Status ReadTables(const TableWork& work) override {
    ASSIGN_OR_RETURN(auto lease, readers_->Acquire());
    ASSIGN_OR_RETURN(auto transaction, ScopedTransaction::Begin(*lease, ScopedTransaction::Kind::kRead));
    return work(*lease);
  }
  absl::Status WriteTables(const TableWork& work) override {
    return Write([&](Transaction&) { return work(*writer_); });
  }

  absl::StatusOr<StoreHealth> GetHealth() override {
    ASSIGN_OR_RETURN(auto lease, readers_->Acquire());
    ASSIGN_OR_RETURN(auto transaction, ScopedTransaction::Begin(*lease, ScopedTransaction::Kind::kRead));
    return sqlite::GetHealth(*lease);
  }
  absl::Status CheckIntegrity() override {
    if (absl::Status status = watch_.Check(); !status.ok()) return absl::DataLossError(status.message());
    ASSIGN_OR_RETURN(auto reader, OpenOneReader());
    return sqlite::CheckIntegrity(*reader);
  }
  absl::Status BackUp(const std::string& path) override {
    ASSIGN_OR_RETURN(auto lease, readers_->Acquire());
    return sqlite::BackUp(*lease, path);
  }
  absl::Status Checkpoint() override {
    if (writer_ == nullptr) return absl::OkStatus();
    const std::lock_guard lock(write_mutex_);
    // Also when the file is no longer in its place: it may have been renamed.
    RETURN_IF_ERROR(sqlite::Checkpoint(*writer_));
    return watch_.Check();
  }

 private:
  absl::StatusOr<std::unique_ptr<relational::Connection>> OpenOneReader() {
    auto reader = OpenReader(watch_.path());
    RETURN_IF_ERROR(watch_.CheckFile());  // it may be another's now
    return reader;
  }
  absl::Status ReadAhead() {
    ASSIGN_OR_RETURN(auto lease, readers_->Acquire());
    ASSIGN_OR_RETURN(auto transaction, ScopedTransaction::Begin(*lease, ScopedTransaction::Kind::kRead));
    return ReadColumnsAhead(*lease, *listing_.columns);
  }
  absl::Status Transact(const Work& work) {
    writing_thread_ = std::this_thread::get_id();
    const absl::Cleanup done = [this] { writing_thread_ = std::thread::id(); };
    ASSIGN_OR_RETURN(auto scope, ScopedTransaction::Begin(*writer_, ScopedTransaction::Kind::kWrite));
    RowTransaction transaction(*writer_, clock_);
    const absl::Status status = work(transaction);
    RETURN_IF_ERROR(transaction.lost());
    return status.ok() ? scope.Commit() : status;
  }
  absl::Status InPlace() {
    absl::Status status = watch_.Check();
    // The log is still open here, though nobody may find it again: what it holds goes into the file, and then
    // nobody needs to miss it.
    if (!status.ok() && sqlite::Checkpoint(*writer_).ok()) lock_->MarkLog(false);
    return status;
  }

  const Clock clock_;
  const std::string why_read_only_;
  const ListingAids listing_;
  std::optional<FileLock> lock_;
  FileWatch watch_;
  std::mutex write_mutex_;  ///< whoever uses writer_
  std::atomic<std::thread::id> writing_thread_{};
  std::unique_ptr<Connection> writer_;
  std::unique_ptr<ReaderPool> readers_;
  std::unique_ptr<QuietTask> ahead_;
};

}  // namespace

// Where OpenStore finds this engine.
absl::StatusOr<PlaceName> NamePlace(const std::string& place);
absl::StatusOr<PlaceName> NamePlace(const std::string& place) { return PlaceName{place, true}; }
absl::StatusOr<std::shared_ptr<Store>> OpenEngine(const std::string& place, const StoreOptions& options);
absl::StatusOr<std::shared_ptr<Store>> OpenEngine(const std::string& place, const StoreOptions& options) {
  if (place.rfind("//", 0) == 0 && place.rfind("///", 0) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "sqlite:", place, " names a host: give sqlite:PATH, or sqlite:/// and an absolute path"));
  }
  return OpenSqliteStore(place, SqliteOptions{options});
}

}  // namespace sqlite

absl::StatusOr<std::shared_ptr<Store>> OpenSqliteStore(const std::string& path,
                                                       const SqliteOptions& options) {
  ASSIGN_OR_RETURN(auto canonical, sqlite::CanonicalPath(path, options.create && !options.read_only));
  std::optional<sqlite::FileLock> lock;
  std::unique_ptr<sqlite::Connection> writer;
  if (options.read_only) {
    RETURN_IF_ERROR(sqlite::CheckReadable(canonical));
  } else {
    ASSIGN_OR_RETURN(auto held, sqlite::FileLock::Acquire(canonical));
    lock.emplace(std::move(held));
    RETURN_IF_ERROR(lock->HoldFile(canonical, false));
    RETURN_IF_ERROR(sqlite::CheckLog(canonical, lock->log_was_left()));
    if (options.renew_checksums) {
      lock->LetFileGo();
      RETURN_IF_ERROR(sqlite::RenewChecksums(canonical));
    }
    RETURN_IF_ERROR(lock->HoldFile(canonical, true));
    ASSIGN_OR_RETURN(writer, sqlite::OpenWriter(canonical, options.durability, options.write_cache_bytes,
                                                options.page_checksums));
  }
  auto store = std::make_shared<sqlite::SqliteStore>(std::move(lock), canonical, std::move(writer), options);
  // One reader from the start: what is taken away later can still be read, and saved.
  RETURN_IF_ERROR(store->GetHealth().status());
  if (!options.half_moved) {
    RETURN_IF_ERROR(store->ReadTables(relational::RefuseHalfMoved));
  }
  return store;
}

}  // namespace sextant::storage
