// SPDX-License-Identifier: Apache-2.0
// RAII over the SQLite C API: a connection with a cache of prepared statements, a statement, a transaction.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace sextant::storage::sqlite {

class Connection;

/// A statement that a connection keeps for the next time.
struct Cached {
  sqlite3_stmt* statement = nullptr;
  bool in_use = false;
};

/// A prepared statement in use. Going out of scope resets it and returns it to its connection's cache.
/// Bind errors are kept and returned by the next Step. NaN is NULL in the file, both ways.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Parameters count from 1. `Next` binds the one after the last bound.
  Statement& Bind(int index, std::int64_t value);
  Statement& Bind(int index, double value);
  Statement& Bind(int index, std::string_view text);  ///< copied
  Statement& BindNull(int index);
  /// Not copied: `bytes` must outlive this statement's next Step or Reset.
  Statement& BindBlobView(int index, std::span<const std::uint8_t> bytes);
  template <typename T>
  Statement& Next(const T& value) {
    return Bind(++last_bound_, value);
  }
  /// Not copied: `text` must outlive this statement's next Step or Reset.
  Statement& NextTextView(std::string_view text);
  Statement& NextNull() { return BindNull(++last_bound_); }
  Statement& NextBlobView(std::span<const std::uint8_t> bytes) { return BindBlobView(++last_bound_, bytes); }

  absl::StatusOr<bool> Step();  ///< true: a row is ready; false: done
  absl::Status Run();           ///< steps to the end, then Reset
  void Reset();                 ///< ready to bind and run again; bindings are cleared

  // Columns of the current row count from 0. Text and Blob stay valid until the next Step or Reset.
  bool IsNull(int column) const;
  std::int64_t Int(int column) const;
  double Real(int column) const;  ///< NaN for NULL
  std::string_view Text(int column) const;
  std::span<const std::uint8_t> Blob(int column) const;

 private:
  friend class Connection;
  Statement(Connection* connection, sqlite3_stmt* statement, Cached* cached);
  void Note(int code);

  Connection* connection_;
  sqlite3_stmt* statement_;
  Cached* cached_;  ///< nullptr: finalized at the end
  int last_bound_ = 0;
  int bind_error_ = 0;
};

/// kImmutable reads a file that nobody writes, without the shared-memory sidecar that reading in WAL mode
/// needs. kUnchecked reads and writes pages without their checksums (checked_vfs.h).
enum class OpenMode { kCreate, kReadWrite, kReadOnly, kImmutable, kUnchecked };

/// One SQLite connection. Used by one thread at a time.
class Connection {
 public:
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path, OpenMode mode);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Runs statements that return no rows anyone wants: schema, pragmas. Never given values from outside.
  absl::Status Execute(const std::string& sql);
  /// Prepares, or takes from the cache, which is keyed by the address of `sql`: a string literal or other
  /// constant.
  absl::StatusOr<Statement> Prepare(const char* sql);
  /// Prepares without the cache: for texts that depend on a request.
  absl::StatusOr<Statement> PrepareOnce(const std::string& sql);

  std::int64_t changes() const;  ///< rows that the last statement inserted, updated or deleted
  bool in_transaction() const;
  sqlite3* handle() const { return db_; }
  const std::string& path() const { return path_; }
  absl::Status LastError() const;

 private:
  friend class Statement;
  Connection(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}

  sqlite3* db_;
  std::string path_;
  std::unordered_map<const void*, Cached> cache_;  ///< its entries never move
};

/// While it lives, notices when a statement of the connection takes more than about `steps` (above 0) steps
/// of SQLite's machine, some five a row of a scan; with `stop`, that statement gives up with Cancelled.
class StepLimit {
 public:
  StepLimit(Connection& connection, int steps, bool stop);
  StepLimit(const StepLimit&) = delete;
  StepLimit& operator=(const StepLimit&) = delete;
  ~StepLimit();

  bool exceeded() const { return exceeded_; }

 private:
  static int Exceeded(void* self);
  Connection& connection_;
  const bool stop_;
  bool exceeded_ = false;
};

/// BEGIN (or a savepoint when one is open already) until Commit; rolls back when destroyed uncommitted.
/// SQLite ends the whole transaction by itself after some errors (a full disk); then rolling back a savepoint
/// is a no-op and Commit reports the loss.
class ScopedTransaction {
 public:
  enum class Kind { kRead, kWrite };
  static absl::StatusOr<ScopedTransaction> Begin(Connection& connection, Kind kind);
  ScopedTransaction(ScopedTransaction&& other) noexcept;
  ScopedTransaction& operator=(ScopedTransaction&&) = delete;
  ~ScopedTransaction();
  absl::Status Commit();

 private:
  ScopedTransaction(Connection* connection, bool nested) : connection_(connection), nested_(nested) {}
  Connection* connection_;
  bool nested_;
};

}  // namespace sextant::storage::sqlite
