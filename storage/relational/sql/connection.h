// SPDX-License-Identifier: Apache-2.0
// What the rows of the store are read and written through, whatever database speaks SQL behind it.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sextant::storage::relational {

/// An engine's prepared statement. Bind errors are kept and returned by the next Step. NaN is NULL in the
/// database, both ways, and -0 reads as 0.
class PreparedStatement {
 public:
  virtual ~PreparedStatement() = default;

  // Parameters count from 1. A view must outlive the next Step or Reset.
  virtual void BindInt(int index, std::int64_t value) = 0;
  virtual void BindReal(int index, double value) = 0;
  virtual void BindText(int index, std::string_view text) = 0;  ///< copied
  virtual void BindTextView(int index, std::string_view text) = 0;
  virtual void BindNull(int index) = 0;
  virtual void BindBlobView(int index, std::span<const std::uint8_t> bytes) = 0;
  virtual void BindReals(int index, std::span<const double> values) = 0;

  virtual absl::StatusOr<bool> Step() = 0;  ///< true: a row is ready; false: done
  virtual void Reset() = 0;                 ///< ready to bind and run again; bindings are cleared

  // Columns of the current row count from 0. Text and Blob stay valid until the next Step or Reset.
  virtual bool IsNull(int column) const = 0;
  virtual std::int64_t Int(int column) const = 0;  ///< 0 for NULL
  virtual double Real(int column) const = 0;       ///< NaN for NULL
  virtual std::string_view Text(int column) const = 0;
  virtual std::span<const std::uint8_t> Blob(int column) const = 0;
  virtual void Reals(int column, std::vector<double>& values) const = 0;

  bool in_use = false;  ///< of one that its connection keeps for the next time
};

/// A prepared statement in use. Going out of scope resets it and returns it to its connection.
class Statement {
 public:
  /// One that a connection keeps, which is not in use.
  explicit Statement(PreparedStatement& kept) : statement_(&kept) { kept.in_use = true; }
  /// One that ends with this.
  explicit Statement(std::unique_ptr<PreparedStatement> owned)
      : owned_(std::move(owned)), statement_(owned_.get()) {}
  Statement(Statement&& other) noexcept
      : owned_(std::move(other.owned_)),
        statement_(std::exchange(other.statement_, nullptr)),
        last_bound_(other.last_bound_) {}
  Statement& operator=(Statement&&) = delete;
  ~Statement() {
    if (statement_ == nullptr || owned_ != nullptr) return;
    statement_->Reset();
    statement_->in_use = false;
  }

  // Each binds the parameter after the last bound.
  Statement& Next(std::int64_t value) {
    return With([&](int at) { statement_->BindInt(at, value); });
  }
  Statement& Next(double value) {
    return With([&](int at) { statement_->BindReal(at, value); });
  }
  Statement& Next(std::string_view text) {
    return With([&](int at) { statement_->BindText(at, text); });
  }
  /// Not copied: `text` must outlive this statement's next Step or Reset.
  Statement& NextTextView(std::string_view text) {
    return With([&](int at) { statement_->BindTextView(at, text); });
  }
  Statement& NextNull() {
    return With([&](int at) { statement_->BindNull(at); });
  }
  Statement& NextBlobView(std::span<const std::uint8_t> bytes) {  ///< not copied either
    return With([&](int at) { statement_->BindBlobView(at, bytes); });
  }
  /// A list of numbers, NaN where unknown; NULL when it is empty. Not copied either.
  Statement& NextReals(std::span<const double> values) {
    return With([&](int at) { statement_->BindReals(at, values); });
  }

  absl::StatusOr<bool> Step() { return statement_->Step(); }
  absl::Status Run();  ///< steps to the end, then Reset
  void Reset() {
    statement_->Reset();
    last_bound_ = 0;
  }

  bool IsNull(int column) const { return statement_->IsNull(column); }
  std::int64_t Int(int column) const { return statement_->Int(column); }
  double Real(int column) const { return statement_->Real(column); }
  std::string_view Text(int column) const { return statement_->Text(column); }
  std::span<const std::uint8_t> Blob(int column) const { return statement_->Blob(column); }
  /// Replaces `values` by what NextReals bound; none for NULL.
  void Reals(int column, std::vector<double>& values) const { statement_->Reals(column, values); }

 private:
  template <typename Bind>
  Statement& With(Bind bind) {
    bind(++last_bound_);
    return *this;
  }

  std::unique_ptr<PreparedStatement> owned_;
  PreparedStatement* statement_;
  int last_bound_ = 0;
};

/// A column as a database describes it.
struct DescribedColumn {
  enum class Kind { kInt, kReal, kText, kBlob, kReals };
  std::string name;
  Kind kind = Kind::kInt;
  int key_place = 0;  ///< its place in the table's primary key, from 1 on
  bool operator==(const DescribedColumn&) const = default;
};

/// While it lives, notices when statements of a connection turn out to read much. An engine that can gives
/// up such a statement with Cancelled where it was told to.
class ReadLimit {
 public:
  virtual ~ReadLimit() = default;
  virtual bool exceeded() const = 0;
};

/// One connection to a database. Used by one thread at a time.
///
/// SQL that goes through it is the same for every engine: placeholders are ? or ?N, and beside what all take
/// there are the functions instr(text, text), declared_value(list, place) and json_each(text), as rows of
/// `key` and `value`.
class Connection {
 public:
  virtual ~Connection() = default;

  /// Runs statements that return no rows anyone wants: schema, settings, BEGIN and the like. Never given
  /// values from outside.
  virtual absl::Status Execute(const std::string& sql) = 0;
  /// Prepares, or takes from the cache, which is keyed by the address of `sql`: a string literal or other
  /// constant.
  virtual absl::StatusOr<Statement> Prepare(const char* sql) = 0;
  /// Prepares without the cache: for texts that depend on a request.
  virtual absl::StatusOr<Statement> PrepareOnce(const std::string& sql) = 0;

  virtual std::int64_t changes() const = 0;  ///< rows that the last statement inserted, updated or deleted
  virtual bool in_transaction() const = 0;
  /// False once the database cannot be reached through it any more.
  virtual bool usable() const { return true; }
  virtual const std::string& path() const = 0;  ///< what messages call the database

  /// What begins a transaction that writes, or one that sees one state.
  virtual const char* begin_write() const = 0;
  virtual const char* begin_read() const = 0;
  /// Whether every statement is a trip to another process: few that fetch much are better then.
  virtual bool is_far() const { return false; }
  /// What makes a text that is no column compare byte by byte.
  virtual const char* bytewise() const { return ""; }
  /// Notices statements that take more than about `steps` (above 0), some five a row that they read; with
  /// `stop`, they are given up.
  virtual std::unique_ptr<ReadLimit> LimitReads(int steps, bool stop) = 0;

  // For what moves whole databases. Tables that only one engine has are left out.
  virtual absl::StatusOr<std::vector<std::string>> TableNames() = 0;
  virtual absl::StatusOr<std::vector<DescribedColumn>> DescribeTable(const std::string& table) = 0;
  /// Rows went in with keys that the database gives to new ones by itself: it is to go on after them.
  virtual absl::Status KeysWereGiven(const std::string& table) = 0;
};

/// BEGIN (or a savepoint when one is open already) until Commit; rolls back when destroyed uncommitted. An
/// engine ends the whole transaction by itself after some errors (a full disk, a lost connection); then
/// rolling back a savepoint is a no-op and Commit reports the loss.
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

}  // namespace sextant::storage::relational
